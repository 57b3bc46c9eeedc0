"""Starts the hub and the agents, feeds the history, watches, reports, stays up, cleans up."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from trunkline.client import Client
from trunkline.local import LocalContext, state_dir
from trunkline.protocol.errors import BusUnavailableError, MessageTooLargeError, QueueFullError, TrunklineError
from trunkline.protocol.resources import Overview, SigninLink, TokenRequest
from trunkline.tasks import Tasks
from trunkline_hub.demo.commits import GROUP, QUEUE, RECORDED, Commit, Report, Statistics
from trunkline_hub.demo.history import list_commits, read_commits
from trunkline_hub.demo.processes import AgentProcess, HubProcess
from trunkline_hub.demo.show import Show, Summary

T = TypeVar("T")

_IN_FLIGHT = 256
_WATCH_S = 0.5
_QUIET_ROUNDS = 3
_START_TIMEOUT_S = 30.0
_TOKEN_LIFE_S = 7 * 86400
_AGENTS = {
    "classifier": ("commit-classifier", ["agents:register"]),
    "statistics": ("commit-statistics", ["agents:register", "events:read"]),
    "release_notes": ("release-notes", ["agents:register", "agents:read", "queues:consume", "agents:call"]),
}


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What `trunkline demo` was asked for."""

    repo: Path
    limit: int | None
    stay: bool
    port: int


@dataclass
class Tally:
    """What the feeder did."""

    published: int = 0
    enqueued: int = 0
    refused: int = 0


class Demo:
    """One run of the demo."""

    def __init__(self, options: DemoOptions, show: Show) -> None:
        self._options = options
        self._show = show
        self._run = f"{int(time.time())}"
        self._folder = state_dir() / "demo" / self._run
        self._tasks = Tasks()

    async def run(self) -> None:
        """Run until done (or, staying, until a signal); leaves no process behind."""
        shas = list_commits(self._options.repo)[-(self._options.limit or 0) :]
        self._folder.mkdir(parents=True, exist_ok=True)
        stop = _stop_on_signals()
        hub = HubProcess(self._folder / "hub.log", self._options.port)
        try:
            self._show.say("Starting a hub …")
            context = await self._unless_stopped(hub.ensure(), stop)
            if context is not None:
                self._show.say(f"{'Started a' if hub.ours else 'Using the running'} hub at {context.url}")
                await self._with_hub(context, shas, stop)
        finally:
            await self._tasks.close()
            await hub.stop()

    async def _with_hub(self, context: LocalContext, shas: list[str], stop: asyncio.Event) -> None:
        client = Client(context.url, context.token, workspace=context.workspace, name="demo")
        async with client, self._agents(client, context):
            await self._unless_stopped(self._work(client, shas), stop)
            if self._options.stay:
                await stop.wait()
            if stop.is_set():
                self._show.say("Stopping …")

    async def _work(self, client: Client, shas: list[str]) -> None:
        await self._until_healthy(client)
        before = await _overview(client)
        started = time.perf_counter()
        tally = await self._feed(client, shas)
        await self._summarise(client, before, tally, time.perf_counter() - started)

    async def _unless_stopped(self, work: Coroutine[Any, Any, T], stop: asyncio.Event) -> T | None:
        """Return what `work` returns, or None when a signal came first; what was started is cleaned up by others."""
        working = self._tasks.spawn(work, name="demo-work", awaited=True)
        stopping = self._tasks.spawn(stop.wait(), name="demo-stop")
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if working.done():
            return working.result()
        working.cancel()
        await asyncio.wait([working])
        return None

    @asynccontextmanager
    async def _agents(self, client: Client, context: LocalContext) -> AsyncIterator[None]:
        """Run the three agents, each as a process with a token of its own that can do just what it must."""
        running: list[AgentProcess] = []
        tokens: list[str] = []
        try:
            for module, (name, scopes) in _AGENTS.items():
                request = TokenRequest(
                    name=f"demo {self._run}", principal=name, scopes=scopes, expires_in_s=_TOKEN_LIFE_S
                )
                made = await client.tokens.create(request)
                tokens.append(made.token.id)
                environment = {
                    "TRUNKLINE_URL": context.url, "TRUNKLINE_TOKEN": made.secret,
                    "TRUNKLINE_WORKSPACE": context.workspace, "TRUNKLINE_DEMO_DIR": str(self._folder),
                }  # fmt: skip
                agent = AgentProcess(module, environment, self._folder / f"{module}.log", self._show.say)
                running.append(agent)
                await agent.start()
            yield
        finally:
            await asyncio.gather(*(agent.stop() for agent in running))
            for token_id in tokens:
                with contextlib.suppress(TrunklineError):
                    await client.tokens.revoke(token_id)

    async def _until_healthy(self, client: Client) -> None:
        wanted = {name for name, _scopes in _AGENTS.values()}
        async with asyncio.timeout(_START_TIMEOUT_S):
            while True:
                page = await client.agents.list(limit=500)
                healthy = {agent.name for agent in page.items if agent.state == "healthy"}
                if wanted <= healthy:
                    self._show.say(f"Three agents are at work: {', '.join(sorted(wanted))}")
                    return
                await asyncio.sleep(0.1)

    async def _feed(self, client: Client, shas: list[str]) -> Tally:
        """Publish and enqueue every commit, and wait until all of it is handled."""
        await client.connect()
        tally = Tally()
        with self._show.progress(len(shas)) as progress:
            watching = self._tasks.spawn(
                self._watch(client, len(shas), tally, progress), name="demo-watch", awaited=True
            )
            slots = asyncio.Semaphore(_IN_FLIGHT)
            async with asyncio.TaskGroup() as group:
                for commit in read_commits(self._options.repo, shas):
                    await slots.acquire()
                    task = group.create_task(self._feed_one(client, commit, tally))
                    task.add_done_callback(lambda _done: slots.release())
            progress.fed_all()
            await watching
        return tally

    async def _feed_one(self, client: Client, commit: Commit, tally: Tally) -> None:
        """Send one commit twice: as a fact for whoever listens, and as work for the writer.

        Sending again with the same id is safe, so an outage only delays.
        """
        event_id, task_id = f"{self._run}-{commit.sha}", f"{self._run}-{commit.sha}-notes"
        try:
            await _insist(client.publish, RECORDED, commit, id=event_id, subject=commit.sha, correlation_id=event_id)
            tally.published += 1
            await _insist(client.enqueue, QUEUE, commit, id=task_id, correlation_id=event_id)
            tally.enqueued += 1
        except MessageTooLargeError as error:
            tally.refused += 1
            self._show.say(f"{commit.sha[:12]} was refused: {error}")

    async def _watch(self, client: Client, total: int, tally: Tally, progress: Any) -> None:
        """Move the bar until everything is handled; a hub or broker that is away is waited for."""
        quiet = 0
        while quiet < _QUIET_ROUNDS:
            await asyncio.sleep(_WATCH_S)
            try:
                view = await client.overview()
            except TrunklineError:
                continue
            left = {(r.lane, r.name): r.waiting + r.in_flight for r in view.readers}
            events_left, tasks_left = left.get(("group", GROUP), 0), left.get(("queue", QUEUE), 0)
            progress.update(tally.enqueued - tasks_left, tally.published - events_left)
            done = tally.enqueued + tally.refused >= total and events_left == 0 and tasks_left == 0 and view.bus_up
            quiet = quiet + 1 if done else 0

    async def _summarise(self, client: Client, before: Overview, tally: Tally, seconds: float) -> None:
        report = await _insist(client.call, "render_release_notes", result_type=Report)
        statistics = await _insist(client.call, "commit_statistics", result_type=Statistics)
        after = await _overview(client)
        link = await client.api.request("POST", "/api/v1/signin-links", SigninLink)
        dead = after.dead_total - before.dead_total
        summary = Summary(
            commits=tally.published, events=tally.published, tasks=tally.enqueued, calls=report.written + dead,
            refused=tally.refused, retries=max(0, after.attempts_failed - before.attempts_failed - dead),
            dead_letters=dead, seconds=round(seconds, 2),
            messages_per_s=round((tally.published + tally.enqueued + report.written) / seconds, 1),
            report=report, statistics=statistics, dashboard=link.url, data=str(state_dir()),
        )  # fmt: skip
        (self._folder / "summary.json").write_bytes(msgspec.json.encode(summary))
        self._show.summary(summary, stays=self._options.stay)


async def _overview(client: Client) -> Overview:
    """Return an overview newer than what happened before this call."""
    await asyncio.sleep(2.2)
    return await _insist(client.overview)  # type: ignore[no-any-return]


async def _insist(action: Any, *arguments: Any, **options: Any) -> Any:
    """Do `action`, again and again while the broker, the hub or an agent is on its way back."""
    for attempt in range(60):
        try:
            return await action(*arguments, **options)
        except (BusUnavailableError, QueueFullError):
            pass
        except TrunklineError as error:
            if error.status < BusUnavailableError.status or attempt == 59:  # noqa: PLR2004 -- the last
                raise
        await asyncio.sleep(0.5)
    return await action(*arguments, **options)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
