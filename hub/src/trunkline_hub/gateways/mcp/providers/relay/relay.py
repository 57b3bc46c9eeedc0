"""Carries requests to an upstream and its answers back, as they are.

Sessions are the upstream's own; what the client holds is sealed, so any hub
carries on where another one died, and nobody can use the session of another.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from litestar.types import HTTPScope, Receive, Send

from trunkline.protocol.errors import OutboundError
from trunkline.protocol.trace import current_traceparent
from trunkline.tasks import Tasks
from trunkline_hub.gateways.mcp.providers.relay.messages import (
    INTERNAL,
    INVALID_PARAMS,
    INVALID_REQUEST,
    Call,
    error_body,
    events_of,
    read_call,
    sealed_state,
)
from trunkline_hub.gateways.mcp.service import Seal
from trunkline_hub.gateways.mcp.settings import McpSettings
from trunkline_hub.outbound import Answer, Outbound

_SESSION = "mcp-session-id"
_PASSED = frozenset({"accept", "content-type", "last-event-id"})
_BACK = frozenset({"content-type", "cache-control", "allow", "retry-after"})
_STREAM = "text/event-stream"
_LASTING = frozenset({"subscriptions/listen"})
_NOT_FOUND, _BAD_REQUEST, _TOO_LARGE = 404, 400, 413


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where a request goes, and on whose behalf."""

    url: str
    credentials: Mapping[str, str]
    seal: Seal


class _RefusedError(Exception):
    """The request is answered here: status, JSON-RPC code, what is wrong."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Relay:
    """Carries one request after another; holds no state of its own."""

    def __init__(self, outbound: Outbound, settings: McpSettings, *, max_body_bytes: int) -> None:
        self._outbound = outbound
        self._settings = settings
        self._max_body_bytes = max_body_bytes

    async def serve(self, route: Route, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Carry one request there and its answer back; when the client goes, so does the request."""
        body, call = b"", None
        try:
            body = await self._body(receive) if scope["method"] == "POST" else b""
            call = read_call(body)
            headers = self._headers(route, scope)
            body = _with_open_state(route.seal, call, body)
        except _RefusedError as refusal:
            await _answer(send, refusal.status, error_body(call, refusal.code, refusal.message))
            return
        tasks = Tasks()
        carrying = tasks.spawn(
            self._carry(route, scope["method"], headers, body, call, send), name="relay", awaited=True
        )
        leaving = tasks.spawn(_until_gone(receive), name="relay-client", awaited=True)
        try:
            either: list[asyncio.Task[None]] = [carrying, leaving]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if carrying.done():
                carrying.result()
        finally:
            for task in (carrying, leaving):
                task.cancel()
            await asyncio.gather(carrying, leaving, return_exceptions=True)

    async def _carry(
        self, route: Route, method: str, headers: dict[str, str], body: bytes, call: Call | None, send: Send
    ) -> None:
        back = _Back(route.seal, call, send)
        lasting = method == "GET" or (call is not None and call.method in _LASTING)
        limits = replace(self._outbound.limits, read_s=None if lasting else self._settings.call_timeout_s, total_s=None)
        try:
            async with self._outbound.request(
                method, route.url, headers=headers, body=body or None, limits=limits
            ) as answer:
                if answer.headers.get("Content-Type", "").startswith(_STREAM):
                    await back.stream(answer, self._outbound.limits.max_bytes)
                else:
                    await back.whole(answer)
        except OutboundError as error:
            await back.failed(error)

    async def _body(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message: Any = await receive()
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_body_bytes:
                raise _RefusedError(_TOO_LARGE, INVALID_REQUEST, "The request is larger than the hub accepts")
            parts.append(part)
            more = message.get("more_body", False)
        return b"".join(parts)

    def _headers(self, route: Route, scope: HTTPScope) -> dict[str, str]:
        """Return what the upstream hears: MCP's own headers and the hub's credentials, never the caller's."""
        sent: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip(" \t")
            if name == _SESSION:
                opened = route.seal.open(value)
                if opened is None:
                    raise _RefusedError(_NOT_FOUND, INVALID_REQUEST, "Session not found")
                sent[name] = opened
            elif name in _PASSED or name.startswith("mcp-"):
                if name in sent:
                    raise _RefusedError(_BAD_REQUEST, -32020, f"{name} header appears more than once")
                sent[name] = value
        traceparent = current_traceparent.get()
        return sent | dict(route.credentials) | ({"traceparent": traceparent} if traceparent else {})


class _Back:
    """The way back: seals what the client is to carry, and ends every answer properly."""

    def __init__(self, seal: Seal, call: Call | None, send: Send) -> None:
        self._seal = seal
        self._call = call
        self._send = send
        self._begun = False
        self._answered = False

    async def whole(self, answer: Answer) -> None:
        body = await answer.read()
        if self._call is not None and self._call.may_need_input:
            body = sealed_state(self._seal, body)
        await self._begin(answer)
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def stream(self, answer: Answer, max_event_bytes: int) -> None:
        await self._begin(answer)
        async for event in events_of(answer.stream(), max_event_bytes):
            sent = event
            if self._call is not None and self._call.id is not None:
                self._answered = self._answered or event.answers(self._call.id)
                if self._call.may_need_input:
                    sent = event.with_sealed_state(self._seal)
            await self._send({"type": "http.response.body", "body": sent.raw, "more_body": True})
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def failed(self, error: OutboundError) -> None:
        """Tell the client in its own protocol, wherever the answer broke off."""
        body = error_body(self._call, INTERNAL, error.detail, {"problem": {"code": error.code, "detail": error.detail}})
        if not self._begun:
            await _answer(self._send, error.status, body)
            return
        owed = self._call is not None and self._call.id is not None and not self._answered
        last = b"event: message\r\ndata: " + body + b"\r\n\r\n" if owed else b""
        await self._send({"type": "http.response.body", "body": last, "more_body": False})

    async def _begin(self, answer: Answer) -> None:
        headers = [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in answer.headers.items()
            if name.lower() in _BACK
        ]
        session = answer.headers.get(_SESSION)
        if session is not None:
            headers.append((_SESSION.encode(), self._seal.close(session).encode()))
        self._begun = True
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})


def _with_open_state(seal: Seal, call: Call | None, body: bytes) -> bytes:
    """Return a request's body with the state that the upstream itself gave out."""
    if call is None or call.state is None or not call.may_need_input:
        return body
    opened = seal.open(call.state)
    if opened is None:
        raise _RefusedError(_BAD_REQUEST, INVALID_PARAMS, "Invalid or expired requestState")
    return call.with_state(opened)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
