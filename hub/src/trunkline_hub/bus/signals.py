"""Unstored messages: heartbeats in, roll calls out, calls on behalf of HTTP callers."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

import msgspec
from nats.aio.msg import Msg

from trunkline.balancing import Balancer, Order
from trunkline.balancing.crews import ANYONE, Wish
from trunkline.calls import Calls, NobodyThereError, OnProgress
from trunkline.protocol import envelope as ce
from trunkline.protocol import modes, subjects
from trunkline.protocol.errors import SkillUnknownError
from trunkline.protocol.resources import Crew
from trunkline.tasks import Tasks
from trunkline.wire import header_lines, message
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.core.metrics import Gauge

Receive = Callable[[str, bytes], Awaitable[None]]
_CIRCUITS = {"closed": 0.0, "half_open": 1.0, "open": 2.0}
_CIRCUIT = "Worst circuit of any caller of a skill: 0 closed, 1 half open, 2 open."
_MOST_GAUGED = 500
"""Skills and instances that are shown to metrics: every series costs whoever keeps them."""
_CE_HEADERS = header_lines({"Content-Type": ce.CONTENT_TYPE})

__all__ = ["CrewSource", "HubCalls", "NobodyThereError", "listen", "send", "tell_changed", "tell_crew"]


async def listen(bus: HubBus, subject: str, receive: Receive) -> None:
    """Hand (subject, payload) of every message on `subject` to `receive`."""

    async def on_message(msg: Msg) -> None:
        await receive(msg.subject, msg.data)

    await bus.bus.subscribe(subject, on_message)


def send(bus: HubBus, subject: str, payload: bytes = b"") -> None:
    """Send without asking whether anybody listens."""
    bus.bus.write(message(subject, payload))


def tell_changed(bus: HubBus, workspace: str, lane: subjects.Lane, reader: str) -> None:
    """Tell those who send to or read from it that its settings changed; who misses it asks within a minute."""
    send(bus, subjects.changed(workspace, lane, reader))


def tell_crew(bus: HubBus, workspace: str, crew: Crew) -> None:
    """Tell callers who offers a skill now; who misses it asks within half a minute."""
    send(bus, subjects.crew(workspace, crew.skill), msgspec.json.encode(crew))


class CrewSource(Protocol):
    """Knows who offers a skill."""

    async def find(self, workspace: str, skill: str) -> Crew:
        """Return who offers it now."""


class HubCalls:
    """Calls skills for those who come over HTTP; the caller's name is pinned by the hub."""

    def __init__(self, bus: HubBus) -> None:
        self.crews: CrewSource | None = None
        self._bus = bus
        self._by_workspace: dict[str, Balancer] = {}

    async def call(
        self, workspace: str, caller: str, skill: str, agent: str | None, request: ce.Envelope, *, timeout_s: float,
        on_progress: OnProgress | None = None, wish: Wish | None = None,
    ) -> ce.Envelope:  # fmt: skip
        """Call a skill and return the reply; `on_progress` hears how far it is. Cancelling this cancels the callee.

        Raises:
            NobodyThereError: at once, when no instance listens.
            CircuitOpenError: at once, while most of this caller's calls of the skill fail.
            CallTimeoutError, CallFailedError, BusUnavailableError, or what the callee answered.
        """
        order = Order(
            caller=caller, skill=skill, call_id=request.id, payload=ce.encode(request), headers=_CE_HEADERS,
            timeout_s=timeout_s, on_progress=on_progress, wish=wish or (Wish(agent=agent) if agent else ANYONE),
        )  # fmt: skip
        answer = await self.balancer(workspace).call(order)
        return modes.read(answer.data, answer.headers)

    def balancer(self, workspace: str) -> Balancer:
        """Return what chooses among the instances of a workspace."""
        found = self._by_workspace.get(workspace)
        if found is None:
            found = self._by_workspace[workspace] = Balancer(
                Calls(self._bus.bus, workspace, subjects.HUB), is_near=True
            )
            if self.crews is not None:
                found.directory = _Directory(self.crews, workspace, found)
        return found

    def gauges(self) -> Iterator[Gauge]:
        """Yield how the instances fare that this hub calls: of the skills that have most in hand, and were called most."""
        found = [(workspace, one) for workspace, by in self._by_workspace.items() for one in by.statistics()]
        found.sort(key=lambda each: (-sum(one.outstanding for one in each[1].instances), -each[1].calls))
        left = _MOST_GAUGED
        for workspace, skill in found:
            left -= 1 + len(skill.instances)
            if left < 0:
                return
            named = {"workspace": workspace, "skill": skill.skill}
            yield "trunkline_calls_circuit", _CIRCUIT, named, _CIRCUITS[skill.breaker]
            for one in skill.instances:
                labels = {**named, "agent": one.agent, "instance": one.instance}
                yield (
                    "trunkline_calls_outstanding",
                    "Calls of this hub under way at an instance.",
                    labels,
                    one.outstanding,
                )
                yield (
                    "trunkline_calls_ejected",
                    "Whether this hub sends an instance nothing.",
                    labels,
                    float(one.ejected_s > 0 or one.is_deaf),
                )

    def follow(self, workspace: str, crew: Crew) -> None:
        """Take in who offers a skill now."""
        if workspace in self._by_workspace:
            self._by_workspace[workspace].follow(crew)


class _Directory:
    """What the hub knows itself, for its own calls in one workspace."""

    def __init__(self, crews: CrewSource, workspace: str, balancer: Balancer) -> None:
        self._crews = crews
        self._workspace = workspace
        self._balancer = balancer
        self._asking: set[str] = set()
        self._tasks = Tasks()

    def ask(self, skill: str) -> None:
        if skill not in self._asking:
            self._asking.add(skill)
            self._tasks.spawn(self._ask(skill), name="crew")

    async def find(self, skill: str) -> None:
        with contextlib.suppress(SkillUnknownError):
            self._balancer.follow(await self._crews.find(self._workspace, skill))

    async def _ask(self, skill: str) -> None:
        try:
            await self.find(skill)
        finally:
            self._asking.discard(skill)
