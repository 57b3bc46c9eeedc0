"""The contract's frame: names of operations, problems as the answer to every refusal, CloudEvents as a body."""

from dataclasses import dataclass
from typing import Any

from litestar import Litestar, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.openapi.spec.enums import OpenAPIType

from trunkline.protocol.envelope import CONTENT_TYPE
from trunkline.protocol.errors import PROBLEM_JSON
from trunkline_hub import __version__
from trunkline_hub.web.guard import PUBLIC, requires

_PROBLEM = "Problem"
_METHODS = ("get", "put", "post", "delete", "patch")
_LITESTARS_OWN = "400"


def openapi_config() -> OpenAPIConfig:
    """Return where and how the contract is served."""
    return OpenAPIConfig(
        title="Trunkline",
        version=__version__,
        description="The integration layer for AI agents: events, queues, dead letters, agents.",
        openapi_router=Router("/api/v1/openapi.json", route_handlers=[], opt=requires(PUBLIC), include_in_schema=False),
        render_plugins=[JsonRenderPlugin(path="/")],
        security=[{"token": []}],
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        components=Components(
            security_schemes={"token": SecurityScheme(type="http", scheme="bearer", description="An API key.")},
        ),
    )


def add_problems(app: Litestar) -> None:
    """Tell in the contract that every refusal is a problem (RFC 9457), whatever its status."""
    refusal = OpenAPIResponse(
        description="Refused or failed: problem details with a stable `code`; see the error catalogue.",
        content={PROBLEM_JSON: OpenAPIMediaType(schema=Reference(ref=f"#/components/schemas/{_PROBLEM}"))},
    )
    if app.openapi_schema.components is not None:
        app.openapi_schema.components.schemas[_PROBLEM] = _problem_schema()
    for path in (app.openapi_schema.paths or {}).values():
        for method in _METHODS:
            operation: Operation | None = getattr(path, method)
            if operation is not None and operation.responses is not None:
                operation.responses.pop(_LITESTARS_OWN, None)
                operation.responses["default"] = refusal


@dataclass
class CloudEventOperation(Operation):
    """An operation whose body is one CloudEvent, passed on byte for byte."""

    def __post_init__(self) -> None:
        attribute = Schema(type=OpenAPIType.STRING, min_length=1)
        event = Schema(
            type=OpenAPIType.OBJECT,
            description="A CloudEvent 1.0 in JSON; further attributes are kept as they are.",
            required=["specversion", "id", "source", "type"],
            properties={
                "specversion": Schema(type=OpenAPIType.STRING, const="1.0"),
                **dict.fromkeys(("id", "source", "type", "subject", "traceparent", "correlationid"), attribute),
                "time": Schema(type=OpenAPIType.STRING, description="RFC 3339"),
                "data": Schema(description="The payload, any JSON"),
            },
        )
        self.request_body = RequestBody(required=True, content={CONTENT_TYPE: OpenAPIMediaType(schema=event)})


def _operation_id(handler: HTTPRouteHandler, _method: Any, _path: Any) -> str:
    """Name an operation after its feature and handler: `dead_letters.redrive`."""
    feature = handler.fn.__module__.split(".")[1]
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
