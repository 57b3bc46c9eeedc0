"""`trunkline serve`: a small parent that owns the embedded broker and the hub.

Each is a child of its own, restarted on its own: killing the hub leaves the
broker and the agents' work alone, and the other way round. Children die with
the launcher. Nothing here is needed on a cluster that brings its own NATS.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from trunkline.local import LocalContext, write_context
from trunkline.protocol.errors import BrokerStartError, HubStartError
from trunkline.tasks import Tasks
from trunkline_hub.embedded.broker import BrokerFiles, prepare_broker
from trunkline_hub.embedded.child import Child
from trunkline_hub.embedded.disk import DiskWatch
from trunkline_hub.embedded.place import Place, Secrets

_READY_TIMEOUT_S = 30.0
_POLL_S = 0.03
_STOP_HUB_S = 3.5
_STOP_BROKER_S = 1.5


@dataclass(frozen=True, kw_only=True)
class LaunchOptions:
    """What `trunkline serve` was asked for."""

    data: Path
    host: str
    port: int
    database_url: str | None = None
    sync: str = "always"


class Launcher:
    """Starts, watches and stops one broker and one hub."""

    def __init__(self, options: LaunchOptions, say: Callable[[str], None]) -> None:
        self.options = options
        self.url = f"http://{options.host}:{options.port}"
        self._say = say
        self._place = Place(options.data)
        self._children: list[Child] = []
        self._tasks = Tasks()

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
        """Serve until `stop` is set.

        Raises:
            PortTakenError, DataInUseError, DataNotWritableError, BrokerStartError, HubStartError
        """
        with self._place.claimed():
            self._place.check_port(self.options.host, self.options.port)
            files = prepare_broker(self._place, sync=self.options.sync)
            broker = self._add("broker", files.command(), {})
            hub = self._add("hub", [sys.executable, "-m", "trunkline_hub"], self._environment(files))
            disk = DiskWatch(broker, self._place.logs / "broker.log", self._say)
            watching = self._tasks.spawn(disk.run(), name="disk-watch")
            try:
                await self._start(broker, hub)
                write_context(LocalContext(url=self.url, token=self._place.secrets.admin_token), self._place.context)
                if ready is not None:
                    ready()
                await stop.wait()
            finally:
                watching.cancel()
                await hub.stop(timeout_s=_STOP_HUB_S)
                await broker.stop(timeout_s=_STOP_BROKER_S)

    def pids(self) -> dict[str, int]:
        """Return the process ids of what runs at this moment, by name."""
        return {child.name: child.pid for child in self._children if child.pid is not None}

    def _environment(self, files: BrokerFiles) -> dict[str, str]:
        database = self.options.database_url or f"sqlite:///{self._place.database}"
        replays = os.environ.get("TRUNKLINE_REPLAYS__DIRECTORY", str(self._place.replays))
        return {"TRUNKLINE_REPLAYS__DIRECTORY": replays} | hub_environment(
            self._place.secrets, [files.url], host=self.options.host, port=self.options.port, database=database
        )

    def _add(self, name: str, command: list[str], environment: dict[str, str]) -> Child:
        child = Child(name, command, environment, log=self._place.logs / f"{name}.log", say=self._say)
        self._children.append(child)
        return child

    async def _start(self, broker: Child, hub: Child) -> None:
        await broker.start()
        await hub.start()
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                await self._until_ready(broker, hub)
        except TimeoutError:
            raise HubStartError(f"Not ready after {_READY_TIMEOUT_S:g} s. {hub.last_words()}") from None

    async def _until_ready(self, broker: Child, hub: Child) -> None:
        while not await self._is_ready():
            if broker.gave_up:
                raise BrokerStartError(broker.last_words())
            if hub.gave_up:
                raise HubStartError(hub.last_words())
            await asyncio.sleep(_POLL_S)

    async def _is_ready(self) -> bool:
        """Ask `/readyz` over a bare socket: an HTTP client would take longer to load than the hub takes to start."""
        try:
            reader, writer = await asyncio.open_connection(self.options.host, self.options.port)
        except OSError:
            return False
        try:
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b" 200 " in await reader.readline()
        except OSError:
            return False
        finally:
            writer.close()


def hub_environment(secrets: Secrets, urls: list[str], *, host: str, port: int, database: str) -> dict[str, str]:
    """Return the settings of a hub on brokers that were made with these secrets."""
    return {
        "TRUNKLINE_HUB_ID": secrets.hub_id,
        "TRUNKLINE_WEB__HOST": host,
        "TRUNKLINE_WEB__PORT": str(port),
        "TRUNKLINE_DB__URL": database,
        "TRUNKLINE_BUS__URLS": msgspec.json.encode(urls).decode(),
        "TRUNKLINE_BUS__PASSWORD": secrets.hub_password,
        "TRUNKLINE_BUS__AUTH_PASSWORD": secrets.auth_password,
        "TRUNKLINE_BUS__SYS_PASSWORD": secrets.sys_password,
        "TRUNKLINE_BUS__ISSUER_SEED": secrets.issuer_seed,
        "TRUNKLINE_SECURITY__BOOTSTRAP_TOKEN": secrets.admin_token,
    }


async def launch(options: LaunchOptions, say: Callable[[str], None], ready: Callable[[Launcher], None]) -> None:
    """Run a launcher until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    launcher = Launcher(options, say)
    await launcher.run(stop, lambda: ready(launcher))
