"""Answers plain tool calls of the 2026 era without the library, whose objects cost more than the call itself.

Only what is beyond doubt is answered here: whatever a request has of the
unusual (progress wanted, other metadata, headers that differ from the body, a
task, an answer to a question), and whatever is wrong with it, is the library's
to judge, with the same words as ever.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from litestar.types import Receive, Scope, Send
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS

from trunkline.tasks import Tasks
from trunkline_hub.gateways.mcp.providers.server.clients import CAPABILITIES, ERA

_VERSION = "io.modelcontextprotocol/protocolVersion"
_CLIENT = "io.modelcontextprotocol/clientInfo"
_SERVER = "io.modelcontextprotocol/serverInfo"
_FIRST = {
    b"mcp-protocol-version": ERA.encode(),
    b"mcp-method": b"tools/call",
    b"content-type": b"application/json",
}
_WANTED = frozenset({*_FIRST, b"mcp-name", b"content-length", b"accept"})
_ACCEPTED = frozenset({"application/json", "text/event-stream"})
_PING_S = 15.0
_STREAM = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache, no-transform")]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: a result, or an error of the protocol's."""

    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


Answer = Callable[[str, dict[str, Any]], Coroutine[Any, Any, Outcome | None]]
"""Call a tool of this name; None, before anything was called, where the library should say what is wrong."""


class _ClientInfo(msgspec.Struct):
    name: str
    version: str


class _Meta(msgspec.Struct, forbid_unknown_fields=True):
    version: Literal["2026-07-28"] = msgspec.field(name=_VERSION)
    capabilities: dict[str, dict[str, Any]] = msgspec.field(name=CAPABILITIES)
    client: _ClientInfo | None = msgspec.field(name=_CLIENT, default=None)


class _Params(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    meta: _Meta = msgspec.field(name="_meta")
    arguments: dict[str, Any] = {}


class Call(msgspec.Struct, forbid_unknown_fields=True):
    """A tool call without anything unusual."""

    jsonrpc: Literal["2.0"]
    id: int | str
    method: Literal["tools/call"]
    params: _Params


_DECODER = msgspec.json.Decoder(Call)


class QuickLane:
    """Takes requests before the library does, where they are plain."""

    def __init__(self, server_info: Mapping[str, Any], tasks: Tasks, *, max_body_bytes: int) -> None:
        self._meta = {_SERVER: dict(server_info)}
        self._tasks = tasks
        self._max_body_bytes = max_body_bytes

    async def serve(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Answer a request; return what the library is to read from instead, if it should."""
        name = self._name(scope)
        if name is None:
            return receive
        body = await _read(receive)
        if body is None:
            return receive
        try:
            call = _DECODER.decode(body)
        except (msgspec.DecodeError, RecursionError):
            call = None
        if call is None or call.params.name != name or "extensions" in call.params.meta.capabilities:
            return _again(body, receive)
        calling = self._tasks.spawn(answer(name, call.params.arguments), name="mcp-call", awaited=True)
        leaving = self._tasks.spawn(_gone(receive), name="mcp-caller")
        try:
            return await self._write(calling, leaving, call.id, send, _again(body, receive))
        finally:
            leaving.cancel()
            calling.cancel()

    async def _write(
        self, calling: "asyncio.Task[Outcome | None]", leaving: "asyncio.Task[None]", call_id: int | str,
        send: Send, otherwise: Receive,
    ) -> Receive | None:  # fmt: skip
        """Write the answer when it is there; a stream that lives, should it take long."""
        is_stream = False
        while True:
            done, _ = await asyncio.wait({calling, leaving}, timeout=_PING_S, return_when=asyncio.FIRST_COMPLETED)
            if calling in done:
                break
            if done:
                return None
            if not is_stream:
                is_stream = True
                await send({"type": "http.response.start", "status": 200, "headers": _STREAM})
            await send({"type": "http.response.body", "body": b": ping\r\n\r\n", "more_body": True})
        outcome = calling.result()
        if outcome is None:
            if is_stream:
                outcome = Outcome(error={"code": -32603, "message": "The tool could not be looked up"})
            else:
                return otherwise
        message = msgspec.json.encode({"jsonrpc": "2.0", "id": call_id, **self._body(outcome)})
        if is_stream:
            message = b"event: message\r\ndata: " + message + b"\r\n\r\n"
        else:
            status = 200 if outcome.error is None else ERROR_CODE_HTTP_STATUS.get(outcome.error["code"], 200)
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(message)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": message, "more_body": False})
        return None

    def _body(self, outcome: Outcome) -> dict[str, Any]:
        if outcome.result is None:
            return {"error": outcome.error}
        meta = {**outcome.result.get("_meta", {}), **self._meta}
        return {"result": {"resultType": "complete", "isError": False, **outcome.result, "_meta": meta}}

    def _name(self, scope: Scope) -> str | None:
        """Return the tool that a plain call's headers name."""
        if scope["method"] != "POST":  # type: ignore[typeddict-item]
            return None
        found: dict[bytes, bytes] = {}
        for key, value in scope["headers"]:
            if key in _WANTED:
                if key in found:
                    return None
                found[key] = value
            elif key.startswith(b"mcp-") or key == b"transfer-encoding":
                return None
        if len(found) != len(_WANTED) or any(found[key] != value for key, value in _FIRST.items()):
            return None
        accepted = {part.strip() for part in found[b"accept"].decode("latin-1").split(",")}
        length = found[b"content-length"]
        if not accepted >= _ACCEPTED or not length.isdigit() or int(length) > self._max_body_bytes:
            return None
        name = found[b"mcp-name"].decode("latin-1")
        return name if name.isascii() and not name.startswith("=?") else None


async def _read(receive: Receive) -> bytes | None:
    """Return a request's body; None when the caller left in its midst."""
    parts: list[bytes] = []
    while True:
        event: Any = await receive()
        if event["type"] != "http.request":
            return None
        parts.append(event.get("body", b""))
        if not event.get("more_body"):
            return b"".join(parts)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what reads the same body once more, then on."""
    is_read = False

    async def read() -> Any:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read
