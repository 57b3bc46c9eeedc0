"""The throw-away Trunkline that a storm goes over: one node as `trunkline serve` runs it, or three brokers and a hub."""

import asyncio
import contextlib
import os
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from trunkline.protocol.errors import HubStartError
from trunkline.tasks import Tasks
from trunkline_hub.chaos.network import Network, network, why_not
from trunkline_hub.embedded.child import Child
from trunkline_hub.embedded.cluster import Cluster, Node
from trunkline_hub.embedded.place import Place, free_port
from trunkline_hub.launcher import Launcher, LaunchOptions, hub_environment

_READY_S = 60.0
_POLL_S = 0.05
_STOP_S = 4.0
_BACKOFF_MAX_S = 0.5


class Stage(ABC):
    """What is hurt, and what a client needs to reach it."""

    nodes: int
    skipped: dict[str, str]
    """Faults that cannot be made here, and why."""

    def __init__(self) -> None:
        self.skipped = {}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = ""

    @property
    def environment(self) -> dict[str, str]:
        return {"TRUNKLINE_URL": self.url, "TRUNKLINE_TOKEN": self.token, "TRUNKLINE_WORKSPACE": "default"}

    @abstractmethod
    def hub_pid(self) -> int | None: ...

    async def until_ready(self) -> None:
        """Wait until the hub says that every component is up.

        Raises:
            HubStartError
        """
        try:
            async with asyncio.timeout(_READY_S), aiohttp.ClientSession() as session:
                while not await _answers(session, f"{self.url}/readyz"):
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise HubStartError(f"Not ready after {_READY_S:g} s") from None

    @abstractmethod
    async def heal(self) -> None:
        """Undo every fault: thaw, mend, start."""


class OneNode(Stage):
    """`trunkline serve` itself, in this process; its children are restarted by it."""

    nodes = 1

    def __init__(self, launcher: Launcher) -> None:
        super().__init__()
        self._launcher = launcher

    def hub_pid(self) -> int | None:
        return self._launcher.pids().get("hub")

    def broker_pid(self) -> int | None:
        return self._launcher.pids().get("broker")

    async def heal(self) -> None:
        hurt(self.broker_pid(), signal.SIGCONT)


class ThreeNodes(Stage):
    """Brokers with streams in three copies, and a hub that is restarted when it dies."""

    def __init__(self, cluster: Cluster, cables: Network | None) -> None:
        super().__init__()
        self.nodes = len(cluster.nodes)
        self.cluster = cluster
        self.cables = cables
        self.hub: Child | None = None

    def hub_pid(self) -> int | None:
        return self.hub.pid if self.hub is not None else None

    async def restart(self, node: Node) -> None:
        """Start a node that ended; what it held is read from its disk and caught up from the others."""
        if not node.is_running:
            await node.start()

    async def heal(self) -> None:
        for number, node in enumerate(self.cluster.nodes):
            node.thaw()
            if self.cables is not None:
                await self.cables.mend(number)
            await self.restart(node)


@asynccontextmanager
async def one_node(folder: Path) -> AsyncIterator[OneNode]:
    """Run a launcher on a data directory and ports of its own."""
    port = free_port()
    launcher = Launcher(LaunchOptions(data=folder / "home", host="127.0.0.1", port=port), lambda _words: None)
    stage = OneNode(launcher)
    stage.port, stage.url = port, f"http://127.0.0.1:{port}"
    stop, ready, tasks = asyncio.Event(), asyncio.Event(), Tasks()
    running = tasks.spawn(launcher.run(stop, ready.set), name="chaos-launcher", awaited=True)
    waiting = tasks.spawn(ready.wait(), name="chaos-ready")
    try:
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        stage.token = Place(folder / "home").secrets.admin_token
        stage.skipped = {"freeze_node": "one node has no other to go on without it"}
        yield stage
    finally:
        await stage.heal()
        stop.set()
        waiting.cancel()
        await asyncio.wait([running])


@asynccontextmanager
async def three_nodes(folder: Path, size: int) -> AsyncIterator[ThreeNodes]:
    """Run brokers, each behind a cable of its own where the machine can, and a hub."""
    async with AsyncExitStack() as stack:
        reason, cables = why_not(), None
        if reason is None:
            try:
                cables = await stack.enter_async_context(network(size))
            except OSError as error:
                reason = f"this kernel lets no networks be made: {error}"
        cluster = Cluster(
            folder / "brokers", size=size,
            hosts=cables.hosts if cables else (), prefixes=cables.prefixes if cables else (),
        )  # fmt: skip
        stage = ThreeNodes(cluster, cables)
        if reason is not None:
            stage.skipped["cut_node"] = reason
        stack.push_async_callback(cluster.stop)
        await cluster.start()
        stage.token = cluster.secrets.admin_token
        stage.hub = _hub(stage, folder)
        await stage.hub.start()
        stack.push_async_callback(stage.hub.stop, timeout_s=_STOP_S)
        await stage.until_ready()
        yield stage


def _hub(stage: ThreeNodes, folder: Path) -> Child:
    database = f"sqlite:///{folder / 'trunkline.db'}"
    environment = hub_environment(
        stage.cluster.secrets, stage.cluster.urls, host="127.0.0.1", port=stage.port, database=database
    )
    return Child(
        "hub", [sys.executable, "-m", "trunkline_hub"], {**environment, "TRUNKLINE_BUS__REPLICAS": str(stage.nodes)},
        log=folder / "hub.log", say=lambda _words: None, backoff_max_s=_BACKOFF_MAX_S,
    )  # fmt: skip


def hurt(pid: int | None, number: signal.Signals) -> bool:
    """Send a signal to a process of ours; whether it was there to take it."""
    if pid is None:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=2)) as response:
            return response.ok
    return False
