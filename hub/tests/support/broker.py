"""A real nats-server of our own, started as `trunkline serve` starts it, that can be killed and come back."""

import asyncio
import contextlib
import signal
from pathlib import Path

from trunkline_hub.embedded.broker import prepare_broker
from trunkline_hub.embedded.child import _die_with_parent
from trunkline_hub.embedded.place import Place


class Broker:
    """One nats-server on loopback with its own files."""

    replicas = 1

    def __init__(self, root: Path, *, sync: str = "2m") -> None:
        self.place = Place(root)
        for folder in (root, self.place.jetstream, self.place.logs):
            folder.mkdir(parents=True, exist_ok=True)
        self.files = prepare_broker(self.place, sync=sync)
        self.url = self.files.url
        self.urls = [self.url]
        self.secrets = self.place.secrets
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and return when it listens."""
        with (self.place.logs / "broker.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.files.command(), stdout=log, stderr=log, preexec_fn=_die_with_parent
            )
        port = self.secrets.broker_port
        async with asyncio.timeout(20):
            while not await _answers(port):
                assert self.process.returncode is None, (self.place.logs / "broker.log").read_text()[-2000:]
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """End it without a word, as a crash does."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    greeting = await reader.readline()
    writer.close()
    return greeting.startswith(b"INFO")
