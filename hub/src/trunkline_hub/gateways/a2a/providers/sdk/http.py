"""The bindings over HTTP: JSON-RPC and HTTP+JSON, for 1.0 and 0.3."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from a2a.extensions.common import HTTP_EXTENSION_HEADER, get_requested_extensions
from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.response_helpers import build_error_response
from a2a.server.routes.common import ServerCallContextBuilder
from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher
from a2a.server.routes.rest_dispatcher import RestDispatcher
from a2a.server.routes.rest_routes import REST03Adapter  # type: ignore[attr-defined] # its own module imports this one
from a2a.utils.error_handlers import build_rest_error_payload
from a2a.utils.errors import A2AError, ContentTypeNotSupportedError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.protocol.errors import RouteUnknownError
from trunkline_hub.gateways.a2a.model import Place
from trunkline_hub.gateways.a2a.providers.sdk.handler import DOOR, Handler
from trunkline_hub.gateways.a2a.providers.sdk.versions import HEADER, checked
from trunkline_hub.gateways.a2a.service import Cards

Endpoint = Callable[[Request], Awaitable[Any]]
_PLACE = "trunkline_place"
_JSON = ("application/json", "application/a2a+json")
_UNSUPPORTED = 415
_TASK = re.compile(
    r"(/v1)?/tasks/(?P<id>[^/:]+)(?P<verb>:cancel|:subscribe)?(?P<push>/pushNotificationConfigs(/(?P<push_id>[^/]+))?)?"
)


class _Contexts(ServerCallContextBuilder):
    """Makes the library's context of a request that has passed the guard."""

    def build(self, request: Request) -> ServerCallContext:
        place: Place = request.scope[_PLACE]
        version = checked(request.headers.get(HEADER) or request.query_params.get("A2A-Version"))

        async def door() -> Place:
            return place

        return ServerCallContext(
            state={DOOR: door, "headers": {HEADER: version}}, requested_extensions=set(place.extensions)
        )


class HttpBindings:
    """Answers requests that the guard let through."""

    def __init__(self, handler: Handler, cards: Cards) -> None:
        self._cards = cards
        contexts = _Contexts()
        self._rpc = JsonRpcDispatcher(handler, context_builder=contexts, enable_v0_3_compat=True)
        rest = RestDispatcher(handler, context_builder=contexts)
        self._before = REST03Adapter(handler, context_builder=contexts).routes()
        self._now: dict[tuple[str, str], Endpoint] = {
            ("/message:send", "POST"): rest.on_message_send,
            ("/message:stream", "POST"): rest.on_message_send_stream,
            ("/tasks", "GET"): rest.list_tasks,
            ("/tasks/{id}", "GET"): rest.on_get_task,
            ("/tasks/{id}:cancel", "POST"): rest.on_cancel_task,
            ("/tasks/{id}:subscribe", "GET"): rest.on_subscribe_to_task,
            ("/tasks/{id}:subscribe", "POST"): rest.on_subscribe_to_task,
            ("/tasks/{id}/pushNotificationConfigs", "GET"): rest.list_push_notifications,
            ("/tasks/{id}/pushNotificationConfigs", "POST"): rest.set_push_notification,
            ("/tasks/{id}/pushNotificationConfigs/{push_id}", "GET"): rest.get_push_notification,
            ("/tasks/{id}/pushNotificationConfigs/{push_id}", "DELETE"): rest.delete_push_notification,
            ("/extendedAgentCard", "GET"): rest.handle_authenticated_agent_card,
        }

    async def rpc(self, scope: MutableMapping[str, Any], receive: Any, body: bytes, place: Place) -> Response:
        """Answer a JSON-RPC request."""
        request = _request(scope, receive, body, place, {})
        if not _is_json(request):
            error = ContentTypeNotSupportedError("JSON-RPC requests are application/json")
            return JSONResponse(build_error_response(None, error), status_code=_UNSUPPORTED)
        response = await self._rpc.handle_requests(request)
        return await self._with_extensions(response, place)

    async def rest(
        self, scope: MutableMapping[str, Any], receive: Any, body: bytes, place: Place, path: str
    ) -> Response:
        """Answer an HTTP+JSON request; `path` is what follows the agent's address.

        Raises:
            RouteUnknownError
        """
        pattern, values = _matched(path)
        table: Any = self._before if path.startswith("/v1/") else self._now
        endpoint = table.get((pattern, scope["method"]))
        if endpoint is None:
            raise RouteUnknownError
        request = _request(scope, receive, body, place, values)
        if body and not _is_json(request):
            return error_response(ContentTypeNotSupportedError("Bodies are application/a2a+json"), _UNSUPPORTED)
        return await self._with_extensions(await endpoint(request), place)

    async def _with_extensions(self, response: Response, place: Place) -> Response:
        active = await self._cards.active(place)
        if active:
            response.headers[HTTP_EXTENSION_HEADER] = ", ".join(sorted(active))
        return response


def error_response(error: A2AError, status: int) -> Response:
    """Return an error with another HTTP status than A2A gives it: that of HTTP itself."""
    payload = build_rest_error_payload(error)
    payload["error"]["code"] = status
    return JSONResponse(payload, status_code=status)


def extensions_of(values: list[str]) -> frozenset[str]:
    return frozenset(get_requested_extensions(values))


def _request(
    scope: MutableMapping[str, Any], receive: Any, body: bytes, place: Place, values: dict[str, str]
) -> Request:
    """Return the request as the library reads it: the body has been read already, within the hub's bounds."""
    given = False

    async def once() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    inner = {key: value for key, value in scope.items() if key not in {"user", "auth", "app"}}
    return Request({**inner, _PLACE: place, "path_params": values}, once)


def _matched(path: str) -> tuple[str, dict[str, str]]:
    """Return (the path's pattern, the values in it)."""
    match = _TASK.fullmatch(path)
    if match is None:
        return path, {}
    values = {name: value for name, value in match.groupdict().items() if name in {"id", "push_id"} and value}
    pattern = f"{match[1] or ''}/tasks/{{id}}{match['verb'] or ''}"
    if match["push"]:
        pattern += "/pushNotificationConfigs" + ("/{push_id}" if "push_id" in values else "")
    return pattern, values


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    return kind in _JSON or kind.endswith("+json")
