"""The hubs and connections a benchmark runs on: real servers on loopback, each in a process of its own."""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import nats
from nats.aio.client import Client as NatsClient

from trunkline import Client
from trunkline.local import LocalContext
from trunkline_hub.embedded.place import Secrets, free_port
from trunkline_hub.launcher import LaunchOptions, launch

_READY_S = 30.0
_STOP_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Server:
    """A hub with its embedded broker."""

    data: Path
    url: str
    token: str
    broker_url: str
    broker_password: str

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Connect the SDK, as any program would: API key, auth callout, permissions."""
        async with Client(self.url, self.token, workspace="default", name="bench") as client:
            await client.connect()
            yield client

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[NatsClient]:
        """Connect bare `nats-py` to the same broker process and the same account."""
        client = await connect_raw(self.broker_url, self.broker_password)
        try:
            yield client
        finally:
            await client.close()


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The two servers that all measurements share; they differ in the broker's `sync_interval` alone."""

    default: Server
    """`sync_interval: 2m`, NATS' default: an ack survives a process's death, not a power cut."""
    powersafe: Server
    """`sync_interval: always`, Trunkline's default: an ack survives a power cut."""


@asynccontextmanager
async def stage(parent: Path | None) -> AsyncIterator[Stage]:
    """Start both servers in a temporary directory below `parent`; stop and delete them afterwards."""
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-", dir=parent, ignore_cleanup_errors=True) as root:
        async with serve(Path(root) / "default", "2m") as default, serve(Path(root) / "powersafe", "always") as safe:
            yield Stage(default=default, powersafe=safe)


@asynccontextmanager
async def serve(data: Path, sync: str) -> AsyncIterator[Server]:
    """Run a launcher in a process of its own, with the broker's `sync_interval` as given."""
    port = free_port()
    command = [sys.executable, "-m", "bench.servers", str(data), str(port), sync]
    async with child(command) as process:
        context_file = data / "context.json"
        deadline = time.monotonic() + _READY_S
        while not context_file.exists():
            if process.returncode is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The hub in {data} did not start")
            await asyncio.sleep(0.05)
        context = msgspec.json.decode(context_file.read_bytes(), type=LocalContext)
        secrets = msgspec.json.decode((data / "secrets.json").read_bytes(), type=Secrets)
        yield Server(
            data=data,
            url=context.url,
            token=context.token,
            broker_url=f"nats://127.0.0.1:{secrets.broker_port}",
            broker_password=secrets.hub_password,
        )


@asynccontextmanager
async def child(command: list[str], extra: dict[str, str] | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process and make sure that it has ended; its standard output is readable."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
    environment |= extra or {}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def connect_raw(url: str, password: str) -> NatsClient:
    """Return a bare `nats-py` connection."""
    return await nats.connect(url, user="hub", password=password)


def main(data: str, port: str, sync: str) -> None:
    """Run one launcher until it is told to stop."""
    options = LaunchOptions(data=Path(data), host="127.0.0.1", port=int(port), sync=sync)
    asyncio.run(launch(options, lambda text: print(text, file=sys.stderr), lambda _launcher: None))


if __name__ == "__main__":
    main(*sys.argv[1:4])
