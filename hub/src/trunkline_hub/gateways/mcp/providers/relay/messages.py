"""JSON-RPC and server-sent events, as far as a relay must understand them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.protocol.errors import OutboundTooLargeError
from trunkline_hub.gateways.mcp.service import Seal

INVALID_REQUEST, INVALID_PARAMS, INTERNAL = -32600, -32602, -32603
_ASKING = frozenset({"tools/call", "resources/read", "prompts/get"})
"""The methods whose answer may be "first tell me this"."""
_STATE = "requestState"
_NEEDED = b'"input_required"'
_ENDS = (b"\r\n\r\n", b"\n\n", b"\r\r")


@dataclass(frozen=True)
class Call:
    """A request or notification of the client."""

    method: str
    id: Any
    message: dict[str, Any]

    @property
    def may_need_input(self) -> bool:
        return self.method in _ASKING

    @property
    def state(self) -> str | None:
        params = self.message.get("params")
        found = params.get(_STATE) if isinstance(params, dict) else None
        return found if isinstance(found, str) else None

    def with_state(self, state: str) -> bytes:
        return msgspec.json.encode({**self.message, "params": {**self.message["params"], _STATE: state}})


def read_call(body: bytes) -> Call | None:
    """Return the request in a body; None where it is none: the upstream says what is wrong with it."""
    try:
        message = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        return None
    return Call(message["method"], message.get("id"), message)


def error_body(call: Call | None, code: int, message: str, data: Any = None) -> bytes:
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return msgspec.json.encode({"jsonrpc": "2.0", "id": None if call is None else call.id, "error": error})


def sealed_state(seal: Seal, body: bytes) -> bytes:
    """Return a response whose request state only the same caller can give back."""
    if _NEEDED not in body:
        return body
    try:
        message = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    result = message.get("result") if isinstance(message, dict) else None
    if not isinstance(result, dict) or not isinstance(result.get(_STATE), str):
        return body
    result[_STATE] = seal.close(result[_STATE])
    return msgspec.json.encode(message)


@dataclass(frozen=True)
class SseEvent:
    """One event as it came, its end included."""

    raw: bytes

    @property
    def data(self) -> bytes:
        lines = self.raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        return b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:"))

    def answers(self, request_id: Any) -> bool:
        """Whether this is the response to a request."""
        try:
            message = msgspec.json.decode(self.data or b"null")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if not isinstance(message, dict) or message.get("id") != request_id:
            return False
        return "result" in message or "error" in message

    def with_sealed_state(self, seal: Seal) -> "SseEvent":
        data = self.data
        sealed = sealed_state(seal, data)
        if sealed is data:
            return self
        lines = self.raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n").split(b"\n")
        kept = [line for line in lines if not line.startswith(b"data:")]
        return SseEvent(b"\r\n".join([*kept, b"data: " + sealed]) + b"\r\n\r\n")


async def events_of(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[SseEvent]:
    """Give a stream event by event; comments and pings are passed on as they are.

    Raises:
        OutboundTooLargeError: one event is larger than `max_bytes`.
    """
    pending = b""
    async for chunk in chunks:
        pending += chunk
        while (end := _end_of_event(pending)) is not None:
            yield SseEvent(pending[:end])
            pending = pending[end:]
        if len(pending) > max_bytes:
            raise OutboundTooLargeError(f"One message of the upstream is larger than {max_bytes:,} bytes")
    if pending:
        yield SseEvent(pending)


def _end_of_event(pending: bytes) -> int | None:
    found = [at + len(end) for end in _ENDS if (at := pending.find(end)) >= 0]
    return min(found, default=None)
