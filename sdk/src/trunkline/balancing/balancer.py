"""Calls, each to the instance that suits it best."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from nats.aio.msg import Msg

from trunkline.balancing.crews import ANYONE, SkillCrew, Wish
from trunkline.balancing.stations import Station
from trunkline.balancing.statistics import InstanceStatistics, SkillStatistics
from trunkline.balancing.tickets import Ticket
from trunkline.balancing.vigil import Vigil
from trunkline.calls import Calls, NobodyThereError, OnProgress
from trunkline.protocol import resources, subjects
from trunkline.protocol.errors import CallTimeoutError, CircuitOpenError, HubUnreachableError, UnavailableError

_FRESH_S = 30.0
_DOUBT_S = 0.5
_FIND_S = 2.0
_CREWS = 10_000
_MS = 1000.0


class Directory(Protocol):
    """Knows who offers a skill, or finds out."""

    def ask(self, skill: str) -> None:
        """Find out who offers it, in the background, and tell the balancer; failing is no matter."""

    async def find(self, skill: str) -> None:
        """Find out now.

        Raises:
            UnavailableError: nobody can tell.
        """


@dataclass(slots=True, kw_only=True)
class Order:
    """One call as it is to be sent."""

    caller: str
    skill: str
    call_id: str
    """Id of its envelope: the same for every attempt."""
    payload: bytes
    headers: bytes
    """Ready header lines, without the timeout."""
    timeout_s: float
    wish: Wish = ANYONE
    on_progress: OnProgress | None = None


class Balancer:
    """The instances one program calls, and how they fared.

    Where the hub has not told (yet) who offers a skill, the broker chooses: a
    call never waits for the hub, and never fails because it is away.
    """

    def __init__(self, desk: Calls, *, is_near: bool = False) -> None:
        self.desk = desk
        self.is_near = is_near
        """Whether the directory is in this process: then the first call of a skill waits for its word."""
        self.directory: Directory | None = None
        self._crews: dict[str, SkillCrew] = {}
        self.vigil = Vigil(self, self._crews.values)
        self._prefixes: dict[str, str] = {}

    async def call(self, order: Order) -> Msg:
        """Call a skill and return the reply.

        Raises:
            NobodyThereError: at once, when no instance listens.
            CircuitOpenError: at once, while most calls of the skill fail.
            CallTimeoutError: no result within the order's time.
            CallFailedError: the instance died before it answered.
            BusUnavailableError, MessageTooLargeError, or what the callee answered.
        """
        if order.timeout_s <= 0:
            raise CallTimeoutError(f"No time was left to call {order.skill!r}")
        self.desk.check(order.payload)
        if not self.desk.is_listening:
            await self.desk.listen()
        crew = self._crews.get(order.skill) or self._begin(order.skill)
        now = asyncio.get_running_loop().time()
        wish = order.wish
        is_due = crew.fresh_until < now
        if is_due:
            self._ask(crew, now)
        if not crew.is_known and (wish.needs_names or (self.is_near and (is_due or crew.finding.locked()))):
            await self._find(crew, order, is_due=is_due)
        breaker = crew.breaker(order.caller)
        if not breaker.admits(now):
            crew.refused += 1
            raise CircuitOpenError(
                f"Most calls of {order.skill!r} failed lately; tried again in {breaker.remaining_s(now):.1f} s"
            )
        station = crew.pick(now, wish) if crew.is_known else None
        if station is None:
            if wish.version is not None:  # the broker knows of no versions
                raise NobodyThereError
            crew.unbalanced += 1
        crew.calls += 1
        crew.budget.earn()
        return await Ticket(self, crew, order).run(station)

    def follow(self, told: resources.Crew) -> None:
        """Take in who offers a skill now; who is missing is asked whether it is gone."""
        crew = self._crews.get(told.skill)
        if crew is None:
            return
        crew.fresh_until = asyncio.get_running_loop().time() + _FRESH_S
        for station in crew.follow(told):
            self.vigil.look(crew, station)

    def doubt(self, crew: SkillCrew) -> None:
        """What is known of a skill proved wrong: ask again soon."""
        crew.fresh_until = min(crew.fresh_until, asyncio.get_running_loop().time() + _DOUBT_S)

    def met(self, crew: SkillCrew, instance: str | None) -> None:
        """Somebody answered whom the broker chose; if nobody told of it, ask again."""
        if instance is not None and crew.is_known and instance not in crew.stations:
            self.doubt(crew)

    def prefix(self, caller: str) -> str:
        """Return what the subjects of a caller's calls begin with."""
        found = self._prefixes.get(caller)
        if found is None:
            if len(self._prefixes) >= _CREWS:
                self._prefixes.clear()
            found = f"{subjects.ROOT}.{self.desk.workspace}.call.{subjects.token(caller)}."
            self._prefixes[caller] = found
        return found

    def statistics(self) -> list[SkillStatistics]:
        """Return what is known of every skill that was called."""
        now = asyncio.get_running_loop().time()
        return [_skill(crew, now) for crew in self._crews.values()]

    def skill(self, name: str) -> SkillStatistics | None:
        """Return what is known of one skill; None where it was never called."""
        crew = self._crews.get(name)
        return None if crew is None else _skill(crew, asyncio.get_running_loop().time())

    def close(self) -> None:
        """End what runs in the background."""
        self.vigil.close()

    def _begin(self, skill: str) -> SkillCrew:
        if len(self._crews) >= _CREWS:
            idle = next((name for name, crew in self._crews.items() if not _is_busy(crew)), None)
            if idle is not None:
                del self._crews[idle]
        crew = self._crews[skill] = SkillCrew(skill)
        return crew

    def _ask(self, crew: SkillCrew, now: float) -> None:
        crew.fresh_until = now + _FRESH_S
        if self.directory is not None:
            self.directory.ask(crew.skill)

    async def _find(self, crew: SkillCrew, order: Order, *, is_due: bool) -> None:
        """Wait for the hub's word where the broker could choose wrongly; a key alone is no reason to fail.

        Calls that come meanwhile wait behind it, so that none overtakes another.
        """
        if self.directory is None:
            return
        try:
            async with asyncio.timeout(min(order.timeout_s, _FIND_S)):
                async with crew.finding:
                    if not crew.is_known and (is_due or order.wish.needs_names):
                        await self.directory.find(crew.skill)
        except (TimeoutError, UnavailableError):
            if order.wish.version is not None:
                raise HubUnreachableError(f"No hub tells which instances offer {crew.skill!r}") from None


def _is_busy(crew: SkillCrew) -> bool:
    return any(station.attempts for station in (*crew.stations.values(), *crew.leaving))


def _skill(crew: SkillCrew, now: float) -> SkillStatistics:
    return SkillStatistics(
        skill=crew.skill, is_known=crew.is_known, policy=crew.balance.policy, idempotent=crew.is_idempotent,
        breaker=crew.breaker_state(), retry_tokens=round(crew.budget.tokens, 1), p95_ms=round(crew.p95_s * _MS, 3),
        calls=crew.calls, unbalanced=crew.unbalanced, retries=crew.retries, hedges=crew.hedges,
        failovers=crew.failovers, refused=crew.refused, cancelled=crew.cancelled,
        instances=[_instance(station, now) for station in crew.stations.values()],
    )  # fmt: skip


def _instance(station: Station, now: float) -> InstanceStatistics:
    return InstanceStatistics(
        agent=station.agent, instance=station.instance, version=station.version, state=station.state,
        weight=station.weight, outstanding=len(station.attempts), requests=station.requests,
        failures=station.failures, latency_ms=round(station.ewma_s * _MS, 3), ejections=station.ejections,
        ejected_s=round(max(0.0, station.ejected_until - now, station.gone_until - now), 3), is_deaf=station.is_deaf,
    )  # fmt: skip
