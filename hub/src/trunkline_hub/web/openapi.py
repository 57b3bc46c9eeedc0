"""The contract's frame: names of operations, problems as the answer to every refusal, CloudEvents as a body."""

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    Contact,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.openapi.spec.enums import OpenAPIType

from trunkline.protocol import media
from trunkline.protocol.envelope import CONTENT_TYPE
from trunkline.protocol.errors import PROBLEM_JSON
from trunkline_hub import __version__
from trunkline_hub.web.cloudevents import BATCH
from trunkline_hub.web.guard import PUBLIC, requires
from trunkline_hub.web.idempotency import HEADER

_PROBLEM = "Problem"
_KEY = {
    "name": HEADER, "in": "header", "required": False, "schema": {"type": "string", "maxLength": 257},
    "description": "The same request with the same key is done once, and answered again: a quoted string, best a UUID.",
}  # fmt: skip
_METHODS = {"get", "put", "post", "delete", "patch", "head"}
_LITESTARS_OWN = "400"
OPEN: list[dict[str, list[str]]] = [{}]
"""What the contract says of an operation that needs no credentials."""


def openapi_config() -> OpenAPIConfig:
    """Return where and how the contract is served."""
    return OpenAPIConfig(
        title="Trunkline",
        version=__version__,
        contact=Contact(name="The developers of Trunkline"),
        description=(
            "The integration layer for AI agents: events, queues, dead letters, agents. Every JSON resource comes as"
            " `application/msgpack` too where `Accept` asks for it, and every JSON body is taken as MessagePack."
        ),
        openapi_router=Router("/api/v1/openapi.json", route_handlers=[], opt=requires(PUBLIC), include_in_schema=False),
        render_plugins=[_Contract(path="/")],
        security=[{"token": []}],
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        components=Components(
            security_schemes={"token": SecurityScheme(type="http", scheme="bearer", description="An API key.")},
        ),
    )


class _Contract(JsonRenderPlugin):
    """Serves the contract. It is made when first asked for: that takes longer than the rest of a start."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return self.render_json(request, with_problems(openapi_schema))


def with_problems(contract: dict[str, Any]) -> dict[str, Any]:
    """Tell in the contract that every refusal is a problem (RFC 9457), whatever its status."""
    refusal = OpenAPIResponse(
        description="Refused or failed: problem details with a stable `code`; see the error catalogue.",
        content={PROBLEM_JSON: OpenAPIMediaType(schema=Reference(ref=f"#/components/schemas/{_PROBLEM}"))},
    ).to_schema()
    contract["components"]["schemas"][_PROBLEM] = _problem_schema().to_schema()
    for path in contract["paths"].values():
        for method in _METHODS & path.keys():
            path[method]["responses"].pop(_LITESTARS_OWN, None)
            path[method]["responses"]["default"] = refusal
            for parameter in path[method].get("parameters", []):
                if parameter["name"] == "workspace":
                    parameter["example"] = "default"
        if "post" in path:
            path["post"].setdefault("parameters", []).append(_KEY)
    used = {
        tag for path in contract["paths"].values() for method in _METHODS & path.keys() for tag in path[method]["tags"]
    }
    contract["tags"] = [{"name": tag} for tag in sorted(used)]
    _close_tuples(contract)
    return contract


def _close_tuples(part: Any) -> None:
    """Say of every list what its items are: of one with named places, that any more may be anything."""
    if isinstance(part, dict):
        if part.get("type") == "array":
            part.setdefault("items", {})
        for below in part.values():
            _close_tuples(below)
    elif isinstance(part, list):
        for below in part:
            _close_tuples(below)


@dataclass
class CloudEventOperation(Operation):
    """An operation whose body is a CloudEvent in any mode, or a batch; passed on byte for byte."""

    def __post_init__(self) -> None:
        event = _event_schema()
        many = Schema(type=OpenAPIType.ARRAY, items=event)
        content = {
            CONTENT_TYPE: OpenAPIMediaType(schema=event), BATCH: OpenAPIMediaType(schema=many), **_binary_mode()
        }  # fmt: skip
        self.request_body = RequestBody(required=True, content=content)


def body_or_event(kind: type[Any]) -> type[Operation]:
    """Return an operation whose body is a `kind` in JSON or MessagePack, or one CloudEvent."""
    schema: Any = msgspec.json.schema(kind)
    if "$ref" in schema:
        schema = schema["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    body = OpenAPIMediaType(schema=schema)
    content = {
        media.JSON: body, media.MSGPACK: body, CONTENT_TYPE: OpenAPIMediaType(schema=_event_schema()), **_binary_mode()
    }  # fmt: skip

    @dataclass
    class BodyOrEvent(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(required=True, content=content)

    return BodyOrEvent


@dataclass
class BytesOperation(Operation):
    """An operation whose body is a stream of bytes of any type."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(required=True, content={"*/*": OpenAPIMediaType(schema=_bytes_schema())})


def _event_schema() -> Schema:
    attribute = Schema(type=OpenAPIType.STRING, min_length=1)
    return Schema(
        type=OpenAPIType.OBJECT,
        description="A CloudEvent 1.0 in JSON; further attributes are kept as they are.",
        required=["specversion", "id", "source", "type"],
        properties={
            "specversion": Schema(type=OpenAPIType.STRING, const="1.0"),
            **dict.fromkeys(("id", "source", "type", "subject", "traceparent", "correlationid"), attribute),
            "time": Schema(type=OpenAPIType.STRING, description="RFC 3339"),
            "datacontenttype": Schema(type=OpenAPIType.STRING, description="media type of the payload"),
            "dataref": Schema(type=OpenAPIType.STRING, description="where the payload lies, if not here"),
            "data": Schema(description="The payload, any JSON"),
            "data_base64": Schema(type=OpenAPIType.STRING, description="The payload, if it is not JSON"),
        },
    )


def _binary_mode() -> dict[str, OpenAPIMediaType]:
    return {"*/*": OpenAPIMediaType(schema=_bytes_schema("Binary mode: the payload; attributes in `ce-` headers"))}


def _bytes_schema(description: str | None = None) -> Schema:
    """Return what bytes are: with a media type of their own, they are no JSON type at all."""
    return Schema(description=description)


def _operation_id(handler: HTTPRouteHandler, _method: Any, _path: Any) -> str:
    """Name an operation after its feature and handler: `dead_letters.redrive`."""
    feature = handler.fn.__module__.removeprefix("trunkline_hub.gateways.").removeprefix("trunkline_hub.").split(".")[0]
    return f"{feature}.{handler.handler_name.rsplit('.', 1)[-1]}"


def _problem_schema() -> Schema:
    text = Schema(type=OpenAPIType.STRING)
    field = Schema(
        type=OpenAPIType.OBJECT, required=["pointer", "detail"], properties={"pointer": text, "detail": text}
    )
    return Schema(
        type=OpenAPIType.OBJECT,
        title=_PROBLEM,
        required=["type", "title", "status", "code", "detail"],
        properties={
            "type": text,
            "title": text,
            "status": Schema(type=OpenAPIType.INTEGER),
            "code": text,
            "detail": text,
            "remedy": text,
            "instance": text,
            "request_id": text,
            "errors": Schema(type=OpenAPIType.ARRAY, items=field),
        },
    )
