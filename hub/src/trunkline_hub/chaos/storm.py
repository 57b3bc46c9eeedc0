"""One storm: start everything, let faults fall while work goes on, calm down, balance the books, clean up."""

import asyncio
import contextlib
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from trunkline.client import Client
from trunkline.protocol.errors import BusUnavailableError, ChaosError, TrunklineError, UnavailableError
from trunkline.tasks import Tasks
from trunkline_hub.chaos import ledger
from trunkline_hub.chaos.faults import faults_for
from trunkline_hub.chaos.model import GROUP, LANES, QUEUE, Books, Plan, Report, bag, tally
from trunkline_hub.chaos.stage import Stage, one_node, three_nodes
from trunkline_hub.embedded.child import Child, end

_WORKERS = {"queue": 2, "group": 1}
_BACKOFF_MAX_S = 0.5
_STOP_S = 6.0
_READY_S = 120.0
_PUBLISHER_LATE_S = 60.0
"""How long the publisher may take for the rest when the storm is over."""
_QUIET_S = 60.0
"""No progress for so long: what is missing then is lost."""
_SETTLE_S = 240.0
_POLL_S = 0.5
_SHOWN = 20
_PAGE = 500


@dataclass(frozen=True, kw_only=True)
class StormOptions:
    """What `trunkline chaos` was asked for."""

    seconds: float
    rounds: int
    messages: int
    nodes: int
    seed: int

    @property
    def rate(self) -> float:
        """Messages a second, so that all are sent shortly before the last fault."""
        return self.messages / (self.seconds * 0.9)


@dataclass
class Sight:
    """What a progress line shows."""

    phase: str = "starting"
    acknowledged: int = 0
    handled: int = 0
    faults: int = 0
    last: str = ""


class Storm:
    """One run."""

    def __init__(self, options: StormOptions, show: Callable[[Sight], None]) -> None:
        self._options = options
        self._show = show
        self._sight = Sight()
        self._struck: Counter[str] = Counter()
        self._tasks = Tasks()

    async def run(self) -> Report:
        """Run it all; leaves no process and, unless something was wrong, no file behind."""
        folder = Path(tempfile.mkdtemp(prefix="trunkline-chaos-"))
        keep = False
        try:
            report = await self._run(folder)
            keep = not report.ok
        except TrunklineError as error:
            keep = True
            raise ChaosError(f"{error} Everything still lies in {folder}") from error
        finally:
            await self._tasks.close()
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)
        return report

    async def _run(self, folder: Path) -> Report:
        options = self._options
        plan = Plan(
            folder=str(folder), seed=options.seed, messages=options.messages, rate=options.rate, seconds=options.seconds
        )
        async with AsyncExitStack() as stack:
            stage = await stack.enter_async_context(
                one_node(folder) if options.nodes == 1 else three_nodes(folder, options.nodes)
            )
            environment = {**stage.environment, "TRUNKLINE_CHAOS_PLAN": msgspec.json.encode(plan).decode()}
            client = await stack.enter_async_context(Client(stage.url, stage.token, name="chaos"))
            workers = [
                await stack.enter_async_context(_worker(folder, lane, number, environment))
                for lane in LANES
                for number in range(_WORKERS[lane])
            ]
            await _until_registered(client)
            watching = self._tasks.spawn(self._watch(folder), name="chaos-watch")
            began = time.monotonic()
            publisher = await stack.enter_async_context(_publisher(folder, environment))
            await self._strike(stage, workers, began)
            await self._settle(stage, client, publisher, folder)
            seconds = time.monotonic() - began
            watching.cancel()
            return await self._report(stage, client, folder, seconds)

    async def _strike(self, stage: Stage, workers: list[Child], began: float) -> None:
        """Let one fault fall in each round, at a moment of the dice's choice; long ones overlap the next."""
        options = self._options
        dice = random.Random(options.seed)  # noqa: S311 -- a die, not a secret
        faults = faults_for(stage, workers, dice)
        kinds = iter(bag(faults, dice))
        self._sight.phase = "storm"
        for number in range(options.rounds):
            moment = (number + dice.random()) * options.seconds / options.rounds
            await asyncio.sleep(max(0.0, began + moment - time.monotonic()))
            kind = next(kinds)
            self._struck[kind] += 1
            self._sight.last = kind
            self._sight.faults += 1
            fault = self._tasks.spawn(self._endure(faults[kind]()), name=f"chaos-{kind}")
            await asyncio.wait([fault], timeout=options.seconds / options.rounds)
        await asyncio.sleep(max(0.0, began + options.seconds - time.monotonic()))

    async def _endure(self, fault: object) -> None:
        """A fault that meets what another has ended already is none."""
        with contextlib.suppress(TrunklineError, OSError):
            await fault  # type: ignore[misc]

    async def _settle(self, stage: Stage, client: Client, publisher: asyncio.subprocess.Process, folder: Path) -> None:
        """Undo all faults, let the publisher and the workers finish; return when nothing moves any more."""
        self._sight.phase = "settling"
        await self._tasks_done()
        await stage.heal()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PUBLISHER_LATE_S):
                await publisher.wait()
        if publisher.returncode is None:
            await end(publisher, timeout_s=_STOP_S)
        await stage.until_ready()
        deadline = quiet_until = time.monotonic()
        deadline, quiet_until = deadline + _SETTLE_S, quiet_until + _QUIET_S
        left: object = None
        while time.monotonic() < min(deadline, quiet_until):
            waiting = await _waiting(client)
            books = await _books(client, folder)
            if waiting == 0 and books is not None and not books.missing():
                return
            if (now := (waiting, len(books.missing()) if books else None)) != left:
                left, quiet_until = now, time.monotonic() + _QUIET_S
            await asyncio.sleep(_POLL_S)

    async def _tasks_done(self) -> None:
        """Wait for faults that are still going on."""
        while any(name.startswith("chaos-") and name != "chaos-watch" for name in self._tasks.names()):
            await asyncio.sleep(_POLL_S / 5)

    async def _watch(self, folder: Path) -> None:
        while True:
            self._sight.acknowledged = _count_lines(folder / "ledger")
            self._sight.handled = sum(ledger.count_effects(folder / f"effects-{lane}.db") for lane in LANES)
            self._show(self._sight)
            await asyncio.sleep(_POLL_S)

    async def _report(self, stage: Stage, client: Client, folder: Path, seconds: float) -> Report:
        options = self._options
        books = await _books(client, folder)
        if books is None:
            raise BusUnavailableError("The hub did not list its dead letters.")
        overview = await client.overview()
        _acked, errors = ledger.read_ledger(folder / "ledger")
        repeats = sum(ledger.read_effects(folder / f"effects-{lane}.db")[1] for lane in LANES)
        lost, doubled, died = sorted(books.missing()), books.doubled(), books.died()
        return Report(
            acknowledged=len(books.acknowledged), handled=books.handled(), dead=len(died),
            lost=len(lost), doubled=len(doubled), ok=not lost and not doubled,
            faults=self._struck.total(), faults_by_kind=dict(sorted(self._struck.items())), skipped=stage.skipped,
            redelivered=repeats, retried=overview.attempts_failed,
            unacknowledged=options.messages - len(books.acknowledged),
            handled_and_dead=len(books.effects.keys() & books.dead.keys()),
            publish_errors=tally(errors), dead_by_reason=tally(books.dead[one] for one in died),
            nodes=stage.nodes, rounds=options.rounds, seed=options.seed, seconds=round(seconds, 1),
            messages_per_s=round(len(books.acknowledged) / seconds, 1),
            lost_ids=lost[:_SHOWN], doubled_ids=doubled[:_SHOWN], kept=str(folder) if lost or doubled else "",
        )  # fmt: skip


@asynccontextmanager
async def _worker(folder: Path, lane: str, number: int, environment: dict[str, str]) -> AsyncIterator[Child]:
    """Run a worker that is started again whenever it ends."""
    name = f"worker-{lane}-{number}"
    child = Child(
        name, [sys.executable, "-m", "trunkline_hub.chaos.worker", lane], environment,
        log=folder / f"{name}.log", say=lambda _words: None, backoff_max_s=_BACKOFF_MAX_S,
    )  # fmt: skip
    await child.start()
    try:
        yield child
    finally:
        await child.stop(timeout_s=_STOP_S)


@asynccontextmanager
async def _publisher(folder: Path, environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the publisher; it is not started again, for it is not hurt."""
    child = Child(
        "publisher", [sys.executable, "-m", "trunkline_hub.chaos.publisher"], environment,
        log=folder / "publisher.log", say=lambda _words: None,
    )  # fmt: skip
    process = await child.spawn()
    try:
        yield process
    finally:
        if process.returncode is None:
            await end(process, timeout_s=_STOP_S)


async def _until_registered(client: Client) -> None:
    """Wait until queue and group exist: what is published before a group is there is not for it.

    Raises:
        ChaosError: they do not in time.
    """
    wanted = set(zip(LANES, (QUEUE, GROUP), strict=True))
    try:
        async with asyncio.timeout(_READY_S):
            while not wanted <= await _readers(client):
                await asyncio.sleep(_POLL_S / 5)
    except TimeoutError:
        raise ChaosError(f"The workers were not registered after {_READY_S:g} s.") from None


async def _readers(client: Client) -> set[tuple[str, str]]:
    """Return the queues and groups that there are, as far as the hub can say."""
    try:
        return {(reader.lane, reader.name) for reader in (await client.overview()).readers}
    except UnavailableError:
        return set()


async def _waiting(client: Client) -> int | None:
    """Return how many messages wait or are at work; None when the hub does not say."""
    try:
        overview = await client.overview()
    except TrunklineError:
        return None
    return sum(reader.waiting + reader.in_flight for reader in overview.readers)


async def _books(client: Client, folder: Path) -> Books | None:
    """Return what is on record everywhere; None while the hub cannot tell."""
    effects: dict[str, int] = {}
    for lane in LANES:
        effects |= ledger.read_effects(folder / f"effects-{lane}.db")[0]
    dead: dict[str, str] = {}
    cursor = None
    try:
        while True:
            page = await client.dead_letters.list(limit=_PAGE, cursor=cursor)
            dead |= {letter.message_id: letter.reason for letter in page.items}
            if (cursor := page.next) is None:
                break
    except TrunklineError:
        return None
    acknowledged, _errors = ledger.read_ledger(folder / "ledger")
    return Books(acknowledged=acknowledged, effects=effects, dead=dead)


def _count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n+") + 1 if path.exists() and path.stat().st_size else 0


async def interruptible(storm: Storm) -> Report | None:
    """Run a storm until it is over or a signal comes; then None, and everything is cleaned up all the same."""
    loop = asyncio.get_running_loop()
    running = loop.create_task(storm.run(), name="chaos")
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, running.cancel)
    try:
        return await running
    except asyncio.CancelledError:
        return None
