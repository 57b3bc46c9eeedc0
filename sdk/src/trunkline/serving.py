"""Answers calls: the callee's side of request/reply over the bus."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import msgspec
from nats.aio.msg import Msg

from trunkline import payloads
from trunkline.client import Client
from trunkline.connection import Listener
from trunkline.context import Context, enter
from trunkline.handlers import SkillSpec
from trunkline.processing import Identity, is_cancelled, words_of
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, modes, subjects
from trunkline.protocol.errors import CallFailedError, CallTimeoutError, TrunklineError
from trunkline.protocol.receipts import FAILED, HANDLED
from trunkline.receipts import Book
from trunkline.task_runs import unrecorded
from trunkline.tasks import Tasks
from trunkline.wire import header_lines, message

_log = logging.getLogger("trunkline.agent")

_CE_HEADERS = header_lines({"Content-Type": ce.CONTENT_TYPE})
_RESULT = header_lines({frames.HEADER_KIND: frames.KIND_RESULT})
_ALIVE = header_lines({frames.HEADER_KIND: frames.KIND_ALIVE})
_ERROR = header_lines({"Content-Type": "application/problem+json", frames.HEADER_KIND: frames.KIND_ERROR})
_PROGRESS = header_lines({"Content-Type": "application/json", frames.HEADER_KIND: frames.KIND_PROGRESS})
_LOAD = frames.HEADER_LOAD.encode()
_DEFAULT_TIMEOUT_S = 300.0
_MAX_TIMEOUT_S = 86_400.0


class SkillServer:
    """Serves one skill for one instance of an agent."""

    def __init__(self, client: Client, spec: SkillSpec, identity: Identity, *, book: Book | None = None) -> None:
        self.on_probe: Callable[[str], None] = lambda _probe: None
        """Called with the id of a probe that came the way calls come."""
        self.handled = 0
        self._book = book
        self.failed = 0
        self._client = client
        self._spec = spec
        self._identity = identity
        self._listeners: list[Listener] = []
        self._slots = asyncio.Semaphore(spec.concurrency)
        self._replies = subjects.replies(client.workspace, spec.name)
        self._running = 0
        self._tasks = Tasks()
        self._about = header_lines({frames.HEADER_INSTANCE: f"{identity.agent}/{identity.instance}"})
        self._under_way: dict[tuple[str, str], asyncio.Task[None]] = {}
        """By caller and the call's id: what a cancel names."""

    @property
    def in_flight(self) -> int:
        """Calls accepted and not yet answered."""
        return self._running

    async def start(self) -> None:
        """Listen as "any agent", "any instance of this agent" and "this very instance"."""
        bus, workspace, skill, agent = self._client.bus, self._client.workspace, self._spec.name, self._identity.agent
        instance = self._identity.instance
        for subject, group in (
            (subjects.call_filter(workspace, skill, None, None), "skill"),
            (subjects.call_filter(workspace, skill, agent, None), "agent"),
            (subjects.call_filter(workspace, skill, agent, instance), ""),
        ):
            self._listeners.append(await bus.listen(subject, self._receive, queue=group))
        self._listeners.append(await bus.subscribe(subjects.cancel_filter(workspace, skill), self._on_cancel))

    async def drain(self, *, timeout_s: float) -> None:
        """Take no more calls; finish those begun within `timeout_s`."""
        bus = self._client.bus
        await asyncio.gather(*(bus.unsubscribe(listener, drain=True) for listener in self._listeners))
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self._running and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        await self._tasks.close()

    def _receive(self, msg: Msg) -> None:
        if not msg.reply.startswith(self._replies):  # nobody to answer, or a caller who would have us write elsewhere
            return
        probe = (msg.headers or {}).get(frames.HEADER_PROBE)
        if probe is not None:
            if probe != frames.PROBED_BY_CALLER:
                self.on_probe(probe)
            self._client.bus.write(message(msg.reply, b"", headers=_ALIVE + self._told()))
            return
        self._running += 1
        self._tasks.spawn(self._answer(msg), name=f"call-{self._spec.name}")

    async def _on_cancel(self, msg: Msg) -> None:
        """End what nobody waits for: on the caller's word, or on the hub's."""
        _root, _workspace, _cancel, caller, _skill, called = msg.subject.split(".")
        by, call_id = subjects.untoken(caller), subjects.untoken(called)
        for key, task in list(self._under_way.items()) if by == subjects.HUB else []:
            if key[1] == call_id:
                task.cancel()
        if (work := self._under_way.get((by, call_id))) is not None:
            work.cancel()

    async def _answer(self, msg: Msg) -> None:
        began, outcome = time.perf_counter(), HANDLED
        try:
            raw, headers = await self._take(msg)
            lines = message(msg.reply, raw, headers=headers + _RESULT + self._told())
            self.handled += 1
        except TrunklineError as error:
            lines = message(msg.reply, msgspec.json.encode(error.to_problem()), headers=_ERROR + self._told())
            self.failed += 1
            outcome = FAILED
        self._client.bus.write(lines)
        if self._book is not None:
            self._book.called(msg, began, outcome)

    async def _take(self, msg: Msg) -> tuple[bytes, bytes]:
        """Run a call as soon as there is room, unless it is cancelled before that."""
        key, task = ("", ""), asyncio.current_task()
        try:
            request = modes.read(msg.data, msg.headers)
            key = (subjects.sender_of(msg.subject), request.id)
            assert task is not None
            self._under_way[key] = task
            deadline = asyncio.get_running_loop().time() + _timeout(msg)
            if self._slots.locked():
                await self._room(deadline)
            else:
                await self._slots.acquire()
            try:
                return await self._run(msg, request, key[0], deadline)
            finally:
                self._slots.release()
        finally:
            self._running -= 1
            if self._under_way.get(key) is task:
                del self._under_way[key]

    def _told(self) -> bytes:
        """Return header lines that say who answers, and how much else it has in hand."""
        return b"%s%s: %d\r\n" % (self._about, _LOAD, self._running) if self._running else self._about

    async def _room(self, deadline: float) -> None:
        """Wait for room; waiting counts, since the caller waits too."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError:
            raise CallTimeoutError(f"{self._spec.name!r} had no room before its caller's time was over") from None

    async def _run(self, msg: Msg, request: ce.Envelope, caller: str, deadline: float) -> tuple[bytes, bytes]:
        """Run the handler and return its answer as it goes to the bus, in the format of the question if it can."""
        handler = self._spec.handler
        codec = handler.codec
        payload = codec.read(request) if request.dataref is None else await self._client.payload(request, codec)
        enter(request)
        context = Context(
            self._client, request, raw=msg.data, headers=msg.headers, report=self._reporter(msg.reply),
            deadline=deadline,
        )  # fmt: skip
        context.task = unrecorded(request, caller, context.progress)
        output = await self._guarded(handler(payload, context), deadline)
        answer = ce.new_envelope(
            type=f"reply.{self._spec.name}",
            source=f"/{self._client.workspace}/agents/{self._identity.agent}",
            data=None,
            correlationid=request.correlationid or request.id,
            causationid=request.id,
            traceparent=request.traceparent,
        )
        if (content_type := payloads.reply_type(output, request.datacontenttype)) is None:
            raw = self._client.pack_plain(answer, output)
            if raw is not None:
                return raw, _CE_HEADERS
        raw, headers = await self._client.pack(answer, output, content_type)
        return raw, header_lines(headers)

    async def _guarded(self, work: Awaitable[object], deadline: float) -> object:
        """Await the handler; nobody waits longer than the caller, and every error becomes a problem."""
        try:
            async with asyncio.timeout_at(deadline):
                return await work
        except TimeoutError:
            raise CallTimeoutError(f"{self._spec.name!r} was not done within its caller's time") from None
        except TrunklineError:
            raise
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            raise CallFailedError("CancelledError: something the skill waited for was cancelled") from None
        except Exception as error:  # noqa: BLE001 -- the edge of user code
            _log.exception("skill %s failed", self._spec.name)
            raise CallFailedError(f"{type(error).__name__}: {words_of(error)}") from None

    def _reporter(self, reply: str) -> Callable[[frames.Progress], Awaitable[None]]:
        async def report(progress: frames.Progress) -> None:
            self._client.bus.write(message(reply, msgspec.json.encode(progress), headers=_PROGRESS))

        return report


def _timeout(msg: Msg) -> float:
    try:
        said = float((msg.headers or {})[frames.HEADER_TIMEOUT])
    except (KeyError, ValueError):
        return _DEFAULT_TIMEOUT_S
    return min(said, _MAX_TIMEOUT_S) if said > 0 else _DEFAULT_TIMEOUT_S
