"""Typed payloads: Pydantic models, msgspec structs, dataclasses, TypedDicts, builtins.

A `Codec` is made once per handler; decoding then costs one call. Pydantic is
recognised without being imported, so it stays optional.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

import msgspec

from trunkline.protocol.errors import FieldError, HandlerInvalidError, PayloadInvalidError, pointer

_PATH = re.compile(r"^(.*) - at `(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


def is_pydantic(kind: Any) -> bool:
    """Whether `kind` is a Pydantic model class."""
    return isinstance(kind, type) and hasattr(kind, "model_validate_json") and hasattr(kind, "model_json_schema")


def _encode_unknown(value: Any) -> Any:
    if is_pydantic(type(value)):
        return value.model_dump(mode="json")
    raise NotImplementedError(f"Objects of type {type(value).__name__} cannot be sent as JSON")


_encoder = msgspec.json.Encoder(enc_hook=_encode_unknown)


def encode(value: Any) -> bytes:
    """Return `value` as JSON bytes.

    Raises:
        PayloadInvalidError: the value has no JSON form.
    """
    try:
        if is_pydantic(type(value)):
            return cast("bytes", value.model_dump_json().encode())
        return _encoder.encode(value)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise PayloadInvalidError(f"The payload cannot be encoded as JSON: {error}") from None


class Codec:
    """Decodes JSON into one type, and describes that type as JSON Schema 2020-12."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self._decode: Callable[[bytes], Any] = self._choose(kind)

    def decode(self, raw: bytes) -> Any:
        """Parse and validate `raw`.

        Raises:
            PayloadInvalidError: with a JSON pointer for each wrong value.
        """
        try:
            return self._decode(raw)
        except msgspec.ValidationError as error:
            raise PayloadInvalidError(errors=[_field_error(str(error))]) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PayloadInvalidError(f"The payload is not valid JSON: {error}") from None
        except ValueError as error:
            raise _from_pydantic(error) from None

    def schema(self) -> dict[str, Any] | None:
        """Return the JSON Schema of the type, or None where anything goes."""
        if self.kind is Any or self.kind is bytes:
            return None
        if is_pydantic(self.kind):
            return cast("dict[str, Any]", self.kind.model_json_schema())
        try:
            (schema,), components = msgspec.json.schema_components([self.kind], ref_template="#/$defs/{name}")
        except TypeError as error:
            raise HandlerInvalidError(f"{self.kind!r} has no JSON Schema: {error}") from None
        if set(schema) == {"$ref"}:
            schema = components.pop(schema["$ref"].removeprefix("#/$defs/"))
        return {**schema, "$defs": components} if components else schema

    def _choose(self, kind: Any) -> Callable[[bytes], Any]:
        if kind is bytes:
            return bytes
        if is_pydantic(kind):
            return cast("Callable[[bytes], Any]", kind.model_validate_json)
        try:
            return (_shared_decoder if isinstance(kind, type) else msgspec.json.Decoder)(kind).decode
        except TypeError as error:
            raise HandlerInvalidError(f"{kind!r} cannot be decoded from JSON: {error}") from None


@lru_cache(maxsize=256)
def _shared_decoder(kind: type) -> msgspec.json.Decoder[Any]:
    """A caller names the type of its result anew in each call; making a decoder costs more than using it."""
    return msgspec.json.Decoder(kind)


def _field_error(text: str) -> FieldError:
    match = _PATH.match(text)
    if match is None:
        return FieldError("", text)
    steps = [name or index for name, index in _STEP.findall(match[2].removeprefix("$"))]
    return FieldError(pointer(steps), match[1])


def _from_pydantic(error: ValueError) -> PayloadInvalidError:
    listed = getattr(error, "errors", None)
    if listed is None:
        return PayloadInvalidError(str(error))
    fields = [FieldError(pointer(item["loc"]), item["msg"]) for item in listed(include_url=False, include_input=False)]
    if len(fields) == 1 and fields[0].detail.startswith("Invalid JSON"):
        return PayloadInvalidError(f"The payload is not valid JSON: {fields[0].detail}")
    return PayloadInvalidError(errors=fields)
