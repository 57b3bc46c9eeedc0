"""Who offers one skill, and the choice among them."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from trunkline.balancing.choosing import SIMPLE, Turns, by_chance, by_key, by_version, cheaper_of_two, range_of
from trunkline.balancing.guards import Breaker, RetryBudget
from trunkline.balancing.stations import FAILURES, Station
from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.frames import Balance
from trunkline.protocol.resources import Crew

_RANK = {"healthy": 0, "degraded": 0, "starting": 1, "unhealthy": 2, "draining": 3}
"""Those of the best rank are sent calls; the others only when there is none of them."""
_PLAIN = Balance()
_FOREVER = float("inf")
_LATENCIES = 128
_P95_EVERY = 16
_P95_MIN = 20
_SIFT_EVERY = 64
_SIFT_SAMPLES = 5
_SIFT_MIN_PEERS = 3
_SLOW_FACTOR = 4.0
_SLOW_MIN_S = 0.02
_BREAKERS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a caller asks of the choice."""

    agent: str | None = None
    instance: str | None = None
    version: str | None = None
    key: str | None = None

    @property
    def narrows(self) -> bool:
        """Whether some instances would be wrong."""
        return self.agent is not None or self.instance is not None or self.version is not None

    @property
    def needs_names(self) -> bool:
        """Whether the broker could choose wrongly."""
        return self.version is not None or self.key is not None or (self.instance is not None and self.agent is None)

    def admits(self, agent: str, instance: str, version: str) -> bool:
        """Whether an instance is one of those asked for."""
        if self.agent not in {None, agent} or self.instance not in {None, instance}:
            return False
        if self.version is None or self.version == version:
            return True
        admitted = range_of(self.version)
        return admitted is not None and version in admitted


ANYONE = Wish()


def wish_of(
    agent: str | None = None, *, instance: str | None = None, version: str | None = None, key: str | None = None,
    **_other: object,
) -> Wish:  # fmt: skip
    """Return what a caller asks for.

    Raises:
        RequestInvalidError: the version is no range.
    """
    if version is not None and range_of(version) is None:
        raise RequestInvalidError(errors=[FieldError("/version", f"{version!r} is not a range such as '^1.2'")])
    return Wish(agent=agent, instance=instance, version=version, key=key)


class SkillCrew:
    """One skill as a caller knows it: its instances, how they fared, and what may be risked."""

    def __init__(self, skill: str) -> None:
        self.skill = skill
        self.is_known = False
        self.is_idempotent = False
        self.balance = _PLAIN
        self.stations: dict[str, Station] = {}
        self.leaving: list[Station] = []
        """No longer offered, but calls are under way there."""
        self.fresh_until = 0.0
        self.finding = asyncio.Lock()
        """Held while the hub is asked who is there, before the first call."""
        self.budget = RetryBudget()
        self.calls = self.unbalanced = self.retries = self.hedges = self.failovers = self.refused = self.cancelled = 0
        self.p95_s = 0.0
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._learned = 0
        self._turns = Turns()
        self._next = 0
        self._choices: list[Station] = []
        self._choices_until = 0.0
        self._breakers: dict[str, Breaker] = {}

    def follow(self, crew: Crew) -> list[Station]:
        """Take in who is there now; return those who no longer are, though calls are under way with them."""
        self.is_known, self.is_idempotent = True, crew.idempotent
        self.balance = crew.balance or _PLAIN
        before, self.stations = {one.key: one for one in self.leaving} | self.stations, {}
        for member in crew.members:
            station = before.pop(f"{member.agent}/{member.instance}", None)
            if station is None:
                station = Station(self.skill, member)
            else:
                station.follow(member)
            self.stations[station.key] = station
        self.leaving = [one for one in before.values() if one.attempts]
        self._choices_until = 0.0
        return self.leaving

    def breaker(self, caller: str) -> Breaker:
        """Return the circuit breaker of one caller: another's impatience does not open it."""
        found = self._breakers.get(caller)
        if found is None:
            if len(self._breakers) >= _BREAKERS:
                del self._breakers[next(iter(self._breakers))]
            found = self._breakers[caller] = Breaker()
        return found

    def breaker_state(self) -> str:
        """Return the worst state of any caller's breaker."""
        states = {one.state for one in self._breakers.values()}
        return next((state for state in ("open", "half_open") if state in states), "closed")

    def pick(self, now: float, wish: Wish = ANYONE, tried: Sequence[Station] = ()) -> Station | None:
        """Return whom to call; None where nobody known fits."""
        choices = self._choices if now < self._choices_until else self._choose_from(now)
        if wish.narrows:
            choices = self._narrowed(now, wish)
        if tried:
            choices = [one for one in choices if one not in tried]
        if not choices:
            return None
        if len(choices) == 1:
            return choices[0]
        if wish.key is not None:
            return by_key(choices, wish.key)
        if self.balance is _PLAIN:
            return cheaper_of_two(choices, now)
        return self._by_policy(choices, now)

    def _by_policy(self, choices: list[Station], now: float) -> Station:
        balance = self.balance
        if balance.weights:
            groups = by_version(choices, balance.weights)
            if groups:
                choices = groups[self._turns.next({name: balance.weights[name] for name in groups})]
        if len(choices) == 1:
            return choices[0]
        if balance.policy == "weighted":
            by_name = {one.key: one for one in choices if one.weight > 0}
            if not by_name:
                return by_chance(choices, now)
            return by_name[self._turns.next({key: one.weight for key, one in by_name.items()})]
        if balance.policy == "round_robin":
            self._next += 1
            return choices[self._next % len(choices)]
        return SIMPLE[balance.policy](choices, now)

    def _narrowed(self, now: float, wish: Wish) -> list[Station]:
        fitting = [one for one in self.stations.values() if wish.admits(one.agent, one.instance, one.version)]
        return _fit(fitting, now)[0]

    def _choose_from(self, now: float) -> list[Station]:
        self._choices, self._choices_until = _fit(list(self.stations.values()), now)
        return self._choices

    def answered(self, station: Station, latency_s: float, now: float, load: int | None) -> None:
        """Take in that an instance answered, and when."""
        if station.gone_until or station.is_deaf:
            self._choices_until = 0.0
        station.learn(latency_s, now, load)
        station.well()
        self._latencies.append(latency_s)
        self._learned += 1
        if self._learned % _P95_EVERY == 0 and self.is_idempotent and len(self._latencies) >= _P95_MIN:
            self.p95_s = sorted(self._latencies)[int(len(self._latencies) * 0.95)]
        if self._learned % _SIFT_EVERY == 0:
            self._sift(now)

    def failed(self, station: Station, now: float) -> None:
        """Take in a timeout or a death; some in a row, and it is ejected."""
        station.failures += 1
        station.streak += 1
        if station.streak >= FAILURES:
            self.eject(station, now)

    def vanished(self, station: Station, now: float) -> None:
        """Take in that nobody listens there."""
        station.vanish(now)
        self._choices_until = 0.0

    def eject(self, station: Station, now: float) -> None:
        """Send an instance nothing for a while, if enough others are left."""
        station.eject(now)
        self._choices_until = 0.0

    def _sift(self, now: float) -> None:
        """Eject who is far slower than the others, where the policy would go on calling it."""
        if self.balance.weights or self.balance.policy in {"weighted", "sticky", "peak_ewma"}:
            return  # somebody wants it so, or it is hardly called anyway
        known = [one for one in self.stations.values() if one.samples >= _SIFT_SAMPLES and one.ejected_until <= now]
        if len(known) < _SIFT_MIN_PEERS:
            return
        typical = sorted(one.ewma_s for one in known)[len(known) // 2]
        worst = max(known, key=lambda one: one.ewma_s)
        if worst.ewma_s > max(typical * _SLOW_FACTOR, typical + _SLOW_MIN_S):
            self.eject(worst, now)


def _fit(stations: list[Station], now: float) -> tuple[list[Station], float]:
    """Return (those who can be called, until when that holds): the best rank without the gone and the ejected.

    At most half of those who are there stay ejected, however many failed.
    """
    until = _FOREVER
    there: list[Station] = []
    for one in stations:
        if one.gone_until > now:
            until = min(until, one.gone_until)
        else:
            there.append(one)
    ranked = min((_rank(one) for one in there), default=0)
    best = [one for one in there if _rank(one) == ranked]
    failed = [one for one in best if one.is_deaf or one.ejected_until > now]
    out = sorted(failed, key=lambda one: (not one.is_deaf, -one.ejected_until))[: len(best) // 2]
    until = min([until, *(one.ejected_until for one in best if one.ejected_until > now)])
    return [one for one in best if one not in out], until


def _rank(station: Station) -> int:
    return _RANK.get(station.state, 1)
