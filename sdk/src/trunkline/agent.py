"""`Agent`: skills, event handlers and queue workers in one process."""

import asyncio
import contextlib
import hashlib
import logging
import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar, Unpack

import msgspec
from nats.aio.msg import Msg

from trunkline.blackbox import BlackBox
from trunkline.client import Client
from trunkline.cron import CronSpec, declare_all
from trunkline.declaring import Queue, QueueSettings
from trunkline.fleet import Fleet
from trunkline.following import Following
from trunkline.handlers import AgentSettings, Handler, ReaderSpec, SkillSettings, SkillSpec, check_name
from trunkline.idempotency import Store, check_once, make_store
from trunkline.local import find_context, state_dir
from trunkline.packing import MAX_PAYLOAD_BYTES
from trunkline.processing import Identity
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import UnavailableError
from trunkline.protocol.ids import new_token
from trunkline.protocol.receipts import CALL
from trunkline.protocol.resources import ScheduleDeclaration
from trunkline.receipts import Receipts
from trunkline.serving import SkillServer
from trunkline.task_worker import TASKS_AT_ONCE, follow_calling_off, task_readers
from trunkline.tasks import Tasks
from trunkline.wire import message

_log = logging.getLogger("trunkline.agent")
F = TypeVar("F", bound=Callable[..., Any])

DRAIN_S = 4.0
_PROBE_CHARS = 64
_RETRY_MIN_S = 0.2
_RETRY_MAX_S = 3.0


class Agent:
    """A program that offers skills, follows events and takes work.

    Args:
        name: unique in the workspace; letters, digits, `_`, `.`, `-`.
        version: semantic version, shown in the catalogue and in attempt records.
        description: one sentence for those who look for an agent.
        once: where handled messages are remembered, so that none is handled
            again when it is delivered again: the path of a SQLite file, or a store.
        publishes: event types (or patterns) that it publishes, for the catalogue; it binds nobody.
        receipts: share of successes, 0 to 1, that leave a receipt for the message trace; 0 switches receipts off.
        max_payload_bytes: largest payload fetched from the object store into memory; a handler that takes a
            `Blob` has no such limit.
        settings: what else is said of it; see `AgentSettings`.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str = "0.0.0",
        description: str = "",
        once: str | Path | Store | None = None,
        publishes: Sequence[str] = (),
        receipts: float = 1.0,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
        **settings: Unpack[AgentSettings],
    ) -> None:
        self.name = check_name("an agent", name)
        self.settings = settings
        self.max_payload_bytes = max_payload_bytes
        self.version = version
        self.description = description
        self.receipts = receipts
        self.publishes = list(publishes)
        self.instance = new_token(6)
        self.skills: dict[str, SkillSpec] = {}
        self.readers: list[ReaderSpec] = []
        self.crons: list[CronSpec] = []
        self.store = make_store(once)

    def skill(
        self, name: str | None = None, *, description: str = "", tags: list[str] | None = None, concurrency: int = 64,
        task: bool = False, retry: frames.RetryPolicy | None = None, **shown: Unpack[SkillSettings],
    ) -> Callable[[F], F]:  # fmt: skip
        """Offer the decorated function to callers.

        The input's type becomes the skill's schema; what does not fit it is
        refused before the function runs. At most `concurrency` calls run at once.
        With `task` it is long work: each use is a task on record, with a life
        of its own (`ctx.task`), that outlives this process; a failure ends it
        unless `retry` says otherwise. What else others are told of it: see
        `SkillSettings`.
        """

        def register(function: F) -> F:
            handler = Handler(function)
            called = check_name("a skill", name or handler.name)
            self.skills[called] = SkillSpec(
                name=called, handler=handler, tags=tags or [], concurrency=concurrency,
                description=description or (function.__doc__ or "").strip(), task=task, retry=retry,
                title=shown.get("title", ""),
                examples=tuple(shown.get("examples", ())), input_modes=tuple(shown.get("input_modes", ())),
                output_modes=tuple(shown.get("output_modes", ())), idempotent=shown.get("idempotent", False),
                balance=shown.get("balance"), prompt=shown.get("prompt", False),
            )  # fmt: skip
            return function

        return register

    def on(
        self,
        *types: str,
        group: str | None = None,
        retry: frames.RetryPolicy | None = None,
        ack_wait_s: float | None = None,
        concurrency: int = 1,
        once: bool | None = None,
    ) -> Callable[[F], F]:
        """Follow events of these types with a cursor of the group's own.

        Each event reaches the group once, from where it left off. A pattern's
        `*` is one segment of a type, a final `>` all the rest. `once`: whether
        handled messages are remembered; where the agent has a store, they are.
        """

        def register(function: F) -> F:
            self._add(
                ReaderSpec(
                    lane="group", name=group or self.name, handler=Handler(function), types=list(types),
                    retry=retry, ack_wait_s=ack_wait_s, concurrency=concurrency,
                ),
                once,
            )  # fmt: skip
            return function

        return register

    def task(
        self,
        queue: str | Queue,
        *,
        retry: frames.RetryPolicy | None = None,
        ack_wait_s: float | None = None,
        concurrency: int = 1,
        once: bool | None = None,
        **settings: Unpack[QueueSettings],
    ) -> Callable[[F], F]:
        """Take work from a queue; each message has one worker at a time.

        A failed message is tried again by `retry`, then dead-lettered. Long
        work keeps its lease: `ack_wait_s` only says how soon a dead worker's
        message goes to another. `once`: whether handled messages are
        remembered; where the agent has a store, they are. At most
        `concurrency` messages are at work in this process. What is set here
        (see `QueueSettings`), or in a `tl.Queue`, is declared when the agent
        starts; the rest stays as it is.
        """
        declared = queue if isinstance(queue, Queue) else Queue(queue, **settings)

        def register(function: F) -> F:
            self._add(
                ReaderSpec(
                    lane="queue", name=declared.name, handler=Handler(function), types=[],
                    retry=retry or declared.retry, ack_wait_s=declared.ack_wait_s if ack_wait_s is None else ack_wait_s,
                    concurrency=concurrency, options=declared.options,
                ),
                once,
            )  # fmt: skip
            return function

        return register

    def cron(
        self,
        expression: str,
        *,
        tz: str = "UTC",
        name: str | None = None,
        data: Any = None,
        misfire: Literal["skip", "once"] = "skip",
        retry: frames.RetryPolicy | None = None,
    ) -> Callable[[F], F]:
        """Run the decorated function by the clock: `@agent.cron("0 6 * * 1-5", tz="Europe/Berlin")`.

        Declares a schedule and the queue it fills, both called `name` (by default
        `<agent>.<function>`), at the agent's start. Each firing is one message for
        one worker, retried like any other. The token needs `schedules:write` and
        `queues:enqueue`. What the code no longer declares stays until it is removed.
        """

        def register(function: F) -> F:
            called = name or f"{self.name}.{getattr(function, '__name__', 'cron')}"
            self._add(
                ReaderSpec(
                    lane="queue", name=called, handler=Handler(function), types=[], retry=retry, ack_wait_s=None,
                    concurrency=1,
                ),
                None,
            )  # fmt: skip
            wanted = ScheduleDeclaration(cron=expression, timezone=tz, queue=called, data=data, misfire=misfire)
            self.crons.append(CronSpec(name=called, declaration=wanted))
            return function

        return register

    def registration(self) -> frames.Registration:
        """Return what this agent tells the hub about itself."""
        said = self.settings
        return frames.Registration(
            version=self.version,
            title=said.get("title", ""),
            description=self.description,
            documentation_url=said.get("documentation_url", ""),
            icon_url=said.get("icon_url", ""),
            labels=dict(said.get("labels", {})),
            interfaces=list(said.get("interfaces", ())),
            limits=said.get("limits"),
            a2a=said.get("a2a"),
            publishes=self.publishes,
            skills=[spec.frame() for spec in self.skills.values()],
            readers=[spec.frame() for spec in self.reading],
        )

    @property
    def reading(self) -> list[ReaderSpec]:
        """All that it reads: what was declared, and its tasks."""
        return [*self.readers, *task_readers(self.name, self.skills, self.settings.get("tasks_at_once", TASKS_AT_ONCE))]

    def run(
        self, url: str | None = None, token: str | None = None, *, workspace: str | None = None, processes: int = 1
    ) -> None:
        """Serve until SIGINT or SIGTERM, then drain. Blocks.

        With `processes` above 1 so many are forked, and one that dies is
        replaced at once. What handlers share (database connections, clients)
        must then be opened in the process that uses it, at first use.

        Raises:
            ContextMissingError: no hub is configured and no local one was found.
            TokenInvalidError, PermissionDeniedError: the token cannot register this agent.
        """
        if not logging.getLogger().handlers:
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        if processes == 1:
            asyncio.run(self._run_until_signalled(url, token, workspace))
        else:
            Fleet(processes, lambda: self._run_forked(url, token, workspace)).run()

    def _run_forked(self, url: str | None, token: str | None, workspace: str | None) -> None:
        self.instance = new_token(6)
        asyncio.run(self._run_until_signalled(url, token, workspace))

    async def serve(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        workspace: str | None = None,
        ready: asyncio.Event | None = None,
        stop: asyncio.Event | None = None,
    ) -> None:
        """Serve until `stop` is set (or this coroutine is cancelled), then drain.

        `ready` is set when calls, events and work can arrive.
        """
        stop = stop or asyncio.Event()
        found = find_context(url, token, workspace)
        client = Client(
            found.url, found.token, workspace=found.workspace, name=f"agent {self.name} {self.instance}",
            max_payload_bytes=self.max_payload_bytes,
        )  # fmt: skip
        service = _Service(self, client)
        try:
            await service.start(stop)
            if ready is not None:
                ready.set()
            await stop.wait()
        finally:
            await service.drain()
            await client.close()

    def _add(self, spec: ReaderSpec, once: bool | None) -> None:
        check_name(f"a {spec.lane}", spec.name)
        self.readers.append(replace(spec, once=check_once(once, self.store, spec.name)))

    async def _run_until_signalled(self, url: str | None, token: str | None, workspace: str | None) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(number, stop.set)
        await self.serve(url, token, workspace=workspace, stop=stop)


class _Service:
    """An agent while it is connected."""

    def __init__(self, agent: Agent, client: Client) -> None:
        self._agent = agent
        self._client = client
        self._identity = Identity(agent=agent.name, instance=agent.instance, version=agent.version)
        self._receipts = Receipts(client, agent.name, agent.instance, agent.version, share=agent.receipts)
        self._servers: list[SkillServer] = []
        self._following = Following(client, self._identity, self._receipts)
        self._tasks = Tasks()
        self._store: Store | None = None
        self._box: BlackBox | None = None
        self._heartbeat_s = 5.0
        self._state = "starting"

    async def start(self, stop: asyncio.Event) -> None:
        if self._agent.store is not None:
            await self._agent.store.open()
            self._store = self._agent.store
        registered = await self._register_and_connect(stop)
        if registered is None:
            return
        self._heartbeat_s = registered.connection.heartbeat_s
        for spec in self._agent.skills.values():
            book = self._receipts.book(CALL, spec.name)
            server = SkillServer(self._client, spec, self._identity, book=book)
            server.on_probe = self._answer_probe
            await server.start()
            self._servers.append(server)
        self._box = self._black_box()
        reading = self._agent.reading
        for skill in (spec.name for spec in self._agent.skills.values() if spec.task):
            await follow_calling_off(self._client.bus, self._client.workspace, skill, reading)
        await self._following.start(reading, registered.readers, store=self._agent.store, box=self._box)
        await self._client.bus.subscribe(subjects.ROLLCALL, self._on_rollcall)
        mine = subjects.probe(self._client.workspace, self._agent.name, self._agent.instance)
        await self._client.bus.subscribe(mine, self._on_probe)
        await self._client.bus.flush()
        self._state = "healthy"
        self._receipts.start()
        self._client.bus.on_up.append(self._beat)
        self._tasks.spawn(self._beat_forever(), name="heartbeat")
        _log.info("agent %s is ready: %s", self._agent.name, self._offers())

    async def drain(self) -> None:
        self._state = "draining"
        self._beat()
        draining = [server.drain(timeout_s=DRAIN_S) for server in self._servers]
        await asyncio.gather(*draining, self._following.drain(timeout_s=DRAIN_S))
        await self._receipts.close()
        self._state = "offline"
        self._beat()
        await self._tasks.close()
        if self._box is not None:
            self._box.close()
        if self._store is not None:
            await self._store.close()

    def _black_box(self) -> BlackBox | None:
        """Return where this process notes what it has begun; workers of one agent on one machine share the folder."""
        slots = sum(spec.concurrency for spec in self._agent.reading)
        hub = hashlib.sha256(f"{self._client.api.url} {self._client.workspace}".encode()).hexdigest()[:12]
        box = BlackBox(state_dir() / "workers" / f"{self._agent.name}-{hub}", slots)
        return box if slots and box.open() else None

    async def _register_and_connect(self, stop: asyncio.Event) -> frames.Registered | None:
        """Register and connect; wait for a hub or a broker that is not there yet."""
        delay = _RETRY_MIN_S
        source = f"/{self._client.workspace}/agents/{self._agent.name}"
        while not stop.is_set():
            try:
                registered = await self._client.agents.register(self._agent.name, self._agent.registration())
                await declare_all(self._client.schedules, self._agent.crons)
                await self._client.connect(registered.connection, source=source)
                return registered
            except UnavailableError as error:
                _log.warning("waiting for the hub: %s", error)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay * random.uniform(0.5, 1.5)):
                        await stop.wait()
                delay = min(delay * 2, _RETRY_MAX_S)
        return None

    def _beat(self, answers: str = "") -> None:
        with contextlib.suppress(UnavailableError):
            subject = subjects.beat(
                self._client.workspace, self._client.principal, self._agent.name, self._agent.instance
            )
            beat = frames.Beat(
                state=self._state,
                version=self._agent.version,
                lease_s=self._heartbeat_s * 3,
                in_flight=sum(s.in_flight for s in self._servers) + self._following.in_flight,
                handled=sum(s.handled for s in self._servers) + self._following.handled,
                failed=sum(s.failed for s in self._servers) + self._following.failed,
                weight=self._agent.settings.get("weight", 1.0),
                answers=answers,
            )
            self._client.bus.write(message(subject, msgspec.json.encode(beat)))

    async def _beat_forever(self) -> None:
        while True:
            self._beat()
            await asyncio.sleep(self._heartbeat_s * random.uniform(0.9, 1.0))

    async def _on_rollcall(self, _msg: Msg) -> None:
        await asyncio.sleep(random.uniform(0, 0.2))
        self._beat()

    async def _on_probe(self, msg: Msg) -> None:
        self._answer_probe((msg.headers or {}).get(frames.HEADER_PROBE, ""))

    def _answer_probe(self, probe: str) -> None:
        """Tell at once that this event loop hears: any handler may be at work meanwhile."""
        self._beat(probe[:_PROBE_CHARS])

    def _offers(self) -> str:
        parts = [f"skill {name}" for name in self._agent.skills]
        parts += [f"{spec.lane} {spec.name}" for spec in self._agent.readers]
        return ", ".join(parts) or "nothing"
