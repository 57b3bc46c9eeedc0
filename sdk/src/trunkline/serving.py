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

_RESULT = {frames.HEADER_KIND: frames.KIND_RESULT}
_ERROR = header_lines({"Content-Type": "application/problem+json", frames.HEADER_KIND: frames.KIND_ERROR})
_PROGRESS = header_lines({"Content-Type": "application/json", frames.HEADER_KIND: frames.KIND_PROGRESS})
_DEFAULT_TIMEOUT_S = 300.0


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
        self._running = 0
        self._tasks = Tasks()

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
            self._listeners.append(await bus.subscribe(subject, self._receive, queue=group))

    async def drain(self, *, timeout_s: float) -> None:
        """Take no more calls; finish those begun within `timeout_s`."""
        for listener in self._listeners:
            await self._client.bus.unsubscribe(listener)
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self._running and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        await self._tasks.close()

    async def _receive(self, msg: Msg) -> None:
        if not msg.reply:  # nobody to answer; a message without an address would break the connection
            return
        probe = (msg.headers or {}).get(frames.HEADER_PROBE)
        if probe is not None:
            self.on_probe(probe)
            return
        self._running += 1
        self._tasks.spawn(self._answer(msg), name=f"call-{self._spec.name}")

    async def _answer(self, msg: Msg) -> None:
        began, outcome = time.perf_counter(), HANDLED
        try:
            async with self._slots:
                raw, headers = await self._run(msg)
            lines = message(msg.reply, raw, headers=header_lines(headers | _RESULT))
            self.handled += 1
        except TrunklineError as error:
            lines = message(msg.reply, msgspec.json.encode(error.to_problem()), headers=_ERROR)
            self.failed += 1
            outcome = FAILED
        finally:
            self._running -= 1
        self._client.bus.write(lines)
        if self._book is not None:
            self._book.called(msg, began, outcome)

    async def _run(self, msg: Msg) -> tuple[bytes, dict[str, str]]:
        """Run the handler and return its answer as it goes to the bus, in the format of the question if it can."""
        request = modes.read(msg.data, msg.headers)
        handler = self._spec.handler
        payload = await self._client.payload(request, handler.codec)
        enter(request)
        timeout_s = _timeout(msg)
        context = Context(
            self._client, request, raw=msg.data, headers=msg.headers, report=self._reporter(msg.reply),
            deadline=asyncio.get_running_loop().time() + timeout_s,
        )  # fmt: skip
        context.task = unrecorded(request, subjects.sender_of(msg.subject), context.progress)
        output = await self._guarded(handler(payload, context), timeout_s)
        answer = ce.new_envelope(
            type=f"reply.{self._spec.name}",
            source=f"/{self._client.workspace}/agents/{self._identity.agent}",
            data=None,
            correlationid=request.correlationid or request.id,
            causationid=request.id,
            traceparent=request.traceparent,
        )
        return await self._client.pack(answer, output, payloads.reply_type(output, request.datacontenttype))

    async def _guarded(self, work: Awaitable[object], timeout_s: float) -> object:
        """Await the handler; nobody waits longer than the caller, and every error becomes a problem."""
        try:
            async with asyncio.timeout(timeout_s):
                return await work
        except TimeoutError:
            raise CallTimeoutError(f"{self._spec.name!r} was not done within the caller's {timeout_s:g} s") from None
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
        return float((msg.headers or {})[frames.HEADER_TIMEOUT])
    except (KeyError, ValueError):
        return _DEFAULT_TIMEOUT_S
