"""Publishing over HTTP, acknowledged power-safe, against a bare server and against the SDK.

python -m bench.http PORT: the bare server, which reads a body and sends it back.
"""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvicorn

from bench.payload import ORDER, RAW
from bench.rounds import Pace, Result, Side, alternate_rates, rate_in_flight
from bench.servers import Stage, child
from trunkline_hub.embedded.place import free_port

_WIDTH = 64
_BATCH = 100
_BATCHES = 16
_SDK_WIDTH = 512
_GUESS = 2_000
_READY_S = 10.0


async def http_publish(stage: Stage, pace: Pace) -> list[Result]:
    """One event a request: what guard, envelope and broker cost beside a server that does nothing."""
    server = stage.powersafe
    async with _lines(server.url, _WIDTH) as ours, _echo() as url, _lines(url, _WIDTH) as other:
        path = "/api/v1/w/default/events"
        head = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}

        async def publish() -> object:
            named = {"ce-specversion": "1.0", "ce-type": "bench.created", "ce-source": "bench", "ce-id": _id()}
            return await ours.post(path, {**head, **named}, RAW, 201)

        async def echo() -> object:
            named = {"ce-specversion": "1.0", "ce-type": "bench.created", "ce-source": "bench", "ce-id": _id()}
            return await other.post(path, {**head, **named}, RAW, 200)

        pair = await alternate_rates(_side(publish, _WIDTH), _side(echo, _WIDTH), pace=pace, guess=_GUESS)
    against = f"a bare ASGI echo of the same body, {_WIDTH} in flight; ours sync always"
    return [pair.result("http_publish", against=against, unit="msg/s", target=0.3)]


async def http_publish_batch(stage: Stage, pace: Pace) -> list[Result]:
    """Events by the hundred, beside the SDK's own way to the same broker."""
    server = stage.powersafe
    async with _lines(server.url, _BATCHES) as lines, server.client() as client:
        head = {
            "Authorization": f"Bearer {server.token}", "Content-Type": "application/cloudevents-batch+json",
        }  # fmt: skip

        async def publish_batch() -> object:
            events = [
                {"specversion": "1.0", "type": "bench.created", "source": "bench", "id": _id(), "data": ORDER}
                for _ in range(_BATCH)
            ]
            return await lines.post("/api/v1/w/default/events", head, msgspec.json.encode(events), 201)

        async def ours(count: int) -> float:
            return _BATCH * await rate_in_flight(publish_batch, max(1, count // _BATCH), _BATCHES)

        async def publish() -> object:
            return await client.publish("bench.created", ORDER)

        pair = await alternate_rates(ours, _side(publish, _SDK_WIDTH), pace=pace, guess=_GUESS)
    against = f"the SDK's publish, {_SDK_WIDTH} in flight; batches of {_BATCH}, {_BATCHES} in flight; sync always both"
    return [pair.result("http_publish_batch", against=against, unit="msg/s", target=0.7)]


def _side(send: Any, width: int) -> Side:
    async def side(count: int) -> float:
        return await rate_in_flight(send, count, width)

    return side


def _id() -> str:
    return uuid.uuid4().hex


class _Lines:
    """Connections that are used one request at a time: a client that costs next to nothing."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.host, self.port = place.hostname or "", place.port or 80
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def open(self, count: int) -> None:
        for _ in range(count):
            self._free.put_nowait(await asyncio.open_connection(self.host, self.port))

    async def post(self, path: str, headers: dict[str, str], body: bytes, wanted: int) -> bytes:
        """Send a request and return the answer's body.

        Raises:
            RuntimeError: it has another status than `wanted`.
        """
        line = await self._free.get()
        reader, writer = line
        lines = [f"POST {path} HTTP/1.1", f"Host: {self.host}:{self.port}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length: ", 1)[1].split("\r\n", 1)[0])
        answer = await reader.readexactly(length)
        self._free.put_nowait(line)
        if int(head.split(" ", 2)[1]) != wanted:
            raise RuntimeError(f"{head.splitlines()[0]}: {answer[:300]!r}")
        return answer

    async def close(self) -> None:
        while not self._free.empty():
            self._free.get_nowait()[1].close()


@asynccontextmanager
async def _lines(url: str, count: int) -> AsyncIterator[_Lines]:
    lines = _Lines(url)
    await lines.open(count)
    try:
        yield lines
    finally:
        await lines.close()


@asynccontextmanager
async def _echo() -> AsyncIterator[str]:
    port = free_port()
    async with child([sys.executable, "-m", "bench.http", str(port)]):
        async with asyncio.timeout(_READY_S):
            await _listening(port)
        yield f"http://127.0.0.1:{port}"


async def _listening(port: int) -> None:
    while True:
        try:
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def _app(scope: Any, receive: Any, send: Any) -> None:
    parts, more = [], scope["type"] == "http"
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(parts)
    length = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(
        _app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off",
        loop="uvloop", http="httptools",
    )  # fmt: skip
