"""Event types: what may be said, and in which form."""

from trunkline.protocol.errors.base import ConflictError, NotFoundError, RequestError
from trunkline.protocol.errors.setup import SetupError


class EventTypeUnknownError(NotFoundError):
    code = "event_type.unknown"
    title = "There is no such event type in the catalogue"
    remedy = "Declare it with `trunkline events types declare`; `trunkline events types list` shows what there is."


class EventTypeVersionUnknownError(NotFoundError):
    code = "event_type.version_unknown"
    title = "The event type has no such version"
    remedy = "`trunkline events types show TYPE` lists its versions."


class EventTypeInUseError(ConflictError):
    code, status = "event_type.in_use", 409
    title = "The event type or version is still in use"
    remedy = "Deprecate it instead, or delete it with `--force`."


class SchemaInvalidError(RequestError):
    code, status = "schema.invalid", 422
    title = "The schema is not a self-contained JSON Schema 2020-12"
    remedy = "Correct what is listed under `errors`; references may only point into the schema itself."


class SchemaIncompatibleError(ConflictError):
    code, status = "schema.incompatible", 409
    title = "The new version is not compatible with those before it"
    remedy = (
        "Change what is listed under `errors`, or declare a new event type; `check` tries a schema without storing it."
    )


class SchemaUnsupportedError(RequestError):
    code, status = "schema.unsupported", 422
    title = "The schema says something that the chosen language cannot express"
    remedy = "Simplify the schema at the pointers under `errors`, or generate another language."


class CodegenMissingError(SetupError):
    code = "setup.codegen_missing"
    title = "The generator of Python models is not installed"
    remedy = "Install it: pip install 'trunkline[codegen]'."
