"""Skills that a hub serves for agents which are not on the bus themselves: imported ones.

Callers need not know: the same subjects, queue groups, errors, progress,
deadlines and cancels as an agent of the SDK (`trunkline/serving.py`). Every
hub is an instance, and gives signs of life as one.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import msgspec
import structlog
from nats.aio.msg import Msg

from trunkline import payloads
from trunkline.connection import Listener
from trunkline.context import enter
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, modes, subjects
from trunkline.protocol.errors import (
    CallFailedError,
    CallTimeoutError,
    InternalError,
    MessageTooLargeError,
    PayloadTooLargeError,
    SkillUnknownError,
    TrunklineError,
)
from trunkline.tasks import Tasks
from trunkline.wire import header_lines, message
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.core.component import Component

_log = structlog.get_logger("host")
_ANY = payloads.Codec(Any)
_CANCELS = f"{subjects.ROOT}.*.cancel.>"
_AT_ONCE = 256
_HEADER_RESERVE = 512
_LEASE_BEATS = 3
_LOOK_S = 0.1
_DEFAULT_TIMEOUT_S = 300.0
_ALIVE = header_lines({frames.HEADER_KIND: frames.KIND_ALIVE})
_PROGRESS = header_lines({"Content-Type": "application/json", frames.HEADER_KIND: frames.KIND_PROGRESS})


@dataclass(frozen=True, kw_only=True)
class CallInfo:
    """What an answer may want to know of the call."""

    workspace: str
    skill: str
    caller: str
    timeout_s: float
    request: ce.Envelope
    report: Callable[[frames.Progress], None]


Answer = Callable[[str, Any, CallInfo], Coroutine[Any, Any, Any]]
"""(skill, payload, call) → output; raises TrunklineErrors."""


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """An agent whose skills the hub serves."""

    workspace: str
    agent: str
    version: str
    skills: frozenset[str]
    answer: Answer


@dataclass(eq=False)
class _Served:
    hosted: Hosted
    listeners: dict[str, Listener] = field(default_factory=dict)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    running: int = 0
    handled: int = 0
    failed: int = 0


class SkillHost(Component):
    """Serves the skills of imported agents on this hub."""

    name: ClassVar[str] = "skill-host"

    def __init__(self, bus: HubBus, *, hub_id: str) -> None:
        super().__init__()
        self._bus = bus
        self._instance = hub_id
        self._served: dict[tuple[str, str], _Served] = {}
        self._under_way: dict[tuple[str, str, str], asyncio.Task[None]] = {}
        self._tasks = Tasks()

    async def run(self) -> None:
        listeners = [
            await self._bus.bus.subscribe(subjects.ROLLCALL, self._on_rollcall),
            await self._bus.bus.subscribe(_CANCELS, self._on_cancel),
        ]
        self.started.set()
        try:
            while True:
                await self._on_rollcall(None)
                await asyncio.sleep(self._bus.settings.heartbeat_s)
        finally:
            for listener in listeners:
                await self._bus.bus.unsubscribe(listener)
            for workspace, agent in list(self._served):
                await self.withdraw(workspace, agent)
            await self._tasks.close()

    async def serve(self, hosted: Hosted) -> None:
        """Serve an agent's skills from now on, instead of what was served for it before."""
        key = (hosted.workspace, hosted.agent)
        served = self._served.setdefault(key, _Served(hosted))
        served.hosted = hosted
        wanted = self._subjects(hosted)
        for subject in served.listeners.keys() - wanted.keys():
            await self._bus.bus.unsubscribe(served.listeners.pop(subject))
        for subject in wanted.keys() - served.listeners.keys():

            async def receive(msg: Msg) -> None:
                await self._receive(served, msg)

            served.listeners[subject] = await self._bus.bus.subscribe(subject, receive, queue=wanted[subject])
        self._beat(served, "healthy")

    async def withdraw(self, workspace: str, agent: str) -> None:
        """Serve this agent no longer; calls begun are finished."""
        served = self._served.pop((workspace, agent), None)
        if served is None:
            return
        served.hosted = replace(served.hosted, skills=frozenset())
        own = f".{subjects.token(self._instance)}"
        for subject in [one for one in served.listeners if not (served.running and one.endswith(own))]:
            await self._bus.bus.unsubscribe(served.listeners.pop(subject))
        self._beat(served, "offline")
        if served.listeners:
            self._tasks.spawn(self._finish(served), name="hosted-finish")

    async def _finish(self, served: _Served) -> None:
        """Answer probes until the last call is done: who finds nobody there takes its call for lost."""
        while served.running:
            await asyncio.sleep(_LOOK_S)
        for listener in served.listeners.values():
            await self._bus.bus.unsubscribe(listener)

    def _subjects(self, hosted: Hosted) -> dict[str, str]:
        """Return what to listen on, and in which queue group."""
        own = f"{subjects.ROOT}.{hosted.workspace}.call.*.*.{subjects.token(hosted.agent)}"
        any_agent = {subjects.call_filter(hosted.workspace, skill, None, None): "skill" for skill in hosted.skills}
        return {**any_agent, f"{own}.{subjects.ANY}": "agent", f"{own}.{subjects.token(self._instance)}": ""}

    async def _receive(self, served: _Served, msg: Msg) -> None:
        _root, workspace, _call, caller, skill, *_target = msg.subject.split(".")
        if not _is_own_inbox(msg.reply, workspace, skill, caller):
            return  # the hub may write anywhere; on whose word it does so is pinned, so the answer must go to them
        if frames.HEADER_PROBE in (msg.headers or {}):
            self._bus.bus.write(message(msg.reply, b"", headers=_ALIVE))
            return
        served.running += 1
        self._tasks.spawn(self._respond(served, msg, subjects.untoken(caller), subjects.untoken(skill)), name="hosted")

    async def _respond(self, served: _Served, msg: Msg, caller: str, skill: str) -> None:
        headers = {frames.HEADER_INSTANCE: f"{served.hosted.agent}/{self._instance}"}
        try:
            async with served.slots:
                body = await self._answer(served.hosted, msg, caller, skill)
            headers |= {"Content-Type": ce.CONTENT_TYPE, frames.HEADER_KIND: frames.KIND_RESULT}
            served.handled += 1
        except TrunklineError as error:
            body = msgspec.json.encode(error.to_problem())
            headers |= {"Content-Type": "application/problem+json", frames.HEADER_KIND: frames.KIND_ERROR}
            served.failed += 1
        finally:
            served.running -= 1
        self._bus.bus.write(message(msg.reply, body, headers=header_lines(headers)))

    async def _answer(self, hosted: Hosted, msg: Msg, caller: str, skill: str) -> bytes:
        """Run the call and return its answer as it goes to the bus."""
        request = modes.read(msg.data, msg.headers)
        if skill not in hosted.skills:
            raise SkillUnknownError(f"The agent {hosted.agent!r} has no skill {skill!r}")
        if request.dataref:
            raise PayloadTooLargeError("An imported agent takes payloads in the message only, not by reference")
        enter(request)
        call = CallInfo(
            workspace=hosted.workspace, skill=skill, caller=caller, timeout_s=_timeout(msg), request=request,
            report=lambda progress: self._bus.bus.write(
                message(msg.reply, msgspec.json.encode(progress), headers=_PROGRESS)
            ),
        )  # fmt: skip
        output = await self._guarded(hosted, _ANY.read(request), call)
        answer = ce.new_envelope(
            type=f"reply.{skill}", source=f"/{hosted.workspace}/agents/{hosted.agent}", data=payloads.encode(output),
            correlationid=request.correlationid or request.id, causationid=request.id, traceparent=request.traceparent,
        )  # fmt: skip
        body = ce.encode(answer)
        if len(body) + _HEADER_RESERVE > self._bus.bus.max_payload:
            raise MessageTooLargeError(f"The answer has {len(body):,} bytes")
        return body

    async def _guarded(self, hosted: Hosted, payload: Any, call: CallInfo) -> Any:
        """Await the answer; nobody waits longer than the caller, and a cancel ends it."""
        key = (hosted.workspace, call.caller, call.request.id)
        work = self._tasks.spawn(hosted.answer(call.skill, payload, call), name="hosted-answer", awaited=True)
        self._under_way[key] = work
        try:
            async with asyncio.timeout(call.timeout_s):
                return await work
        except TimeoutError:
            raise CallTimeoutError(f"{call.skill!r} was not done within the caller's {call.timeout_s:g} s") from None
        except asyncio.CancelledError:
            if not work.done() or (task := asyncio.current_task()) is None or task.cancelling():
                raise
            raise CallFailedError("The call was cancelled") from None
        except TrunklineError:
            raise
        except Exception:  # noqa: BLE001 -- an edge: an unanswered call would stall its caller
            _log.exception("hosted_call_failed", agent=hosted.agent, skill=call.skill)
            raise InternalError from None
        finally:
            self._under_way.pop(key, None)
            work.cancel()

    async def _on_cancel(self, msg: Msg) -> None:
        _root, workspace, _cancel, caller, _skill, called = msg.subject.split(".")
        names = {subjects.untoken(caller)}
        for key, work in list(self._under_way.items()):
            if (
                key[0] == workspace
                and key[2] == subjects.untoken(called)
                and (key[1] in names or subjects.HUB in names)
            ):
                work.cancel()

    async def _on_rollcall(self, _msg: Msg | None) -> None:
        for served in self._served.values():
            self._beat(served, "healthy")

    def _beat(self, served: _Served, state: str) -> None:
        hosted = served.hosted
        beat = frames.Beat(
            state=state, version=hosted.version, lease_s=self._bus.settings.heartbeat_s * _LEASE_BEATS,
            in_flight=served.running, handled=served.handled, failed=served.failed,
        )  # fmt: skip
        subject = subjects.beat(hosted.workspace, subjects.HUB, hosted.agent, self._instance)
        self._bus.bus.write(message(subject, msgspec.json.encode(beat)))


def _is_own_inbox(reply: str, workspace: str, skill: str, caller: str) -> bool:
    parts = reply.split(".")
    own = {caller, subjects.token(subjects.HUB)}
    return parts[:4] == [subjects.ROOT, workspace, "reply", skill] and len(parts) == 7 and parts[4] in own  # noqa: PLR2004


def _timeout(msg: Msg) -> float:
    try:
        return float((msg.headers or {})[frames.HEADER_TIMEOUT])
    except (KeyError, ValueError):
        return _DEFAULT_TIMEOUT_S
