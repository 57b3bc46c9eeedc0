"""A relay in front of a hub that cuts connections: after so many bytes, or at once while the hub is to be away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_PIECE = 65_536


class Relay:
    """Stands between a client and a hub."""

    def __init__(self, hub_url: str) -> None:
        self.away = False
        self.cut_after_bytes: int | None = None
        self.cuts = 0
        self.url = ""
        self._host, self._port = hub_url.removeprefix("http://").split(":")

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.away:
            self.cuts += 1
            writer.transport.abort()
            return
        down, up = await asyncio.open_connection(self._host, int(self._port))
        sending = asyncio.ensure_future(_copy(reader, up))
        passed = 0
        while data := await down.read(_PIECE):
            writer.write(data)
            await writer.drain()
            passed += len(data)
            if self.away or (self.cut_after_bytes is not None and passed >= self.cut_after_bytes):
                self.cuts += 1
                break
        sending.cancel()
        writer.transport.abort()
        up.transport.abort()


@asynccontextmanager
async def relayed(hub_url: str) -> AsyncIterator[Relay]:
    """A relay to the hub at `hub_url`, on a port of its own."""
    relay = Relay(hub_url)
    server = await asyncio.start_server(relay.handle, "127.0.0.1", 0)
    relay.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield relay
    finally:
        server.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIECE):
        writer.write(data)
        await writer.drain()
