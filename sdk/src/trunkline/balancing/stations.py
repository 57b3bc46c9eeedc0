"""An instance of an agent as one caller knows it. Pure: time comes in."""

import math
from typing import Any

from trunkline.protocol import resources, subjects

DECAY_S = 5.0
"""What was learned of an instance that is no longer called fades with this time constant, so that it is tried again."""
_RISE = 0.3
_FALL_MIN = 0.1
_FIRST_ANSWERS = 3
"""The first answers of an instance tell of caches that were cold and connections that were not there yet."""
_OTHERS_S = 0.5
"""How long a callee's word on what others asked of it is believed."""
_UNKNOWN_S = 1000.0
FAILURES = 3
"""So many failures in a row, and an instance is ejected."""
EJECT_MIN_S = 1.0
EJECT_MAX_S = 60.0


class Station:
    """Where calls can be sent: what is under way there, how long it takes, how often it failed."""

    __slots__ = (
        "_ejected_at", "_others", "_stamp", "agent", "answers", "attempts", "ejected_until", "ejections", "ewma_s", "failures",
        "gone_until", "instance", "is_deaf", "key", "probe", "requests", "samples", "state", "streak",
        "tail", "version", "weight",
    )  # fmt: skip

    def __init__(self, skill: str, member: resources.CrewMember) -> None:
        self.agent = member.agent
        self.instance = member.instance
        self.key = f"{member.agent}/{member.instance}"
        self.tail = f"{subjects.token(skill)}.{subjects.token(member.agent)}.{subjects.token(member.instance)}"
        self.attempts: dict[int, Any] = {}
        """What is under way, by number, the oldest first."""
        self.requests = self.answers = self.failures = self.samples = self.streak = self.ejections = 0
        self.ewma_s = 0.0
        self.ejected_until = self.gone_until = 0.0
        self.is_deaf = False
        """Connected, but it answers nothing."""
        self.probe: Any = None
        self._stamp = self._ejected_at = 0.0
        self._others = (0, 0.0)
        self.follow(member)

    def follow(self, member: resources.CrewMember) -> None:
        """Take in what the hub says of it."""
        self.version, self.state, self.weight = member.version, member.state, member.weight

    def pending(self, now: float) -> int:
        """Return how many calls it has in hand, those of others included as far as is known."""
        others, at = self._others
        return len(self.attempts) + (others if now - at < _OTHERS_S else 0)

    def cost(self, now: float) -> float:
        """Return how long a call sent now would likely take: latency times those in line, and silence counts."""
        pending = self.pending(now)
        if self.answers < _FIRST_ANSWERS:
            return _UNKNOWN_S * pending
        latency = self.ewma_s * math.exp((self._stamp - now) / DECAY_S)
        if self.attempts:
            latency = max(latency, now - next(iter(self.attempts.values())).began)
        return latency * (pending + 1)

    def learn(self, latency_s: float, now: float, load: int | None = None) -> None:
        """Take in how long an answer took; slowness is believed sooner than speed."""
        self.answers += 1
        if self.answers <= _FIRST_ANSWERS:
            self.ewma_s = min(self.ewma_s or latency_s, latency_s)
        else:
            fall = max(_FALL_MIN, 1.0 - math.exp((self._stamp - now) / DECAY_S))
            share = _RISE if latency_s > self.ewma_s else fall
            self.ewma_s += (latency_s - self.ewma_s) * share
        self._stamp = now
        self.samples += 1
        if load is not None:
            others = load - len(self.attempts)
            self._others = (others, now) if others > 0 else (0, 0.0)

    def well(self) -> None:
        """It answered."""
        self.streak = 0
        self.is_deaf = False
        self.gone_until = 0.0

    def eject(self, now: float) -> None:
        """Send it nothing for a while: longer each time, unless it was well for long."""
        if now - self._ejected_at > 2 * EJECT_MAX_S:
            self.ejections = 0
        self.ejected_until = now + min(EJECT_MIN_S * 2.0**self.ejections, EJECT_MAX_S)
        self.ejections += 1
        self._ejected_at = now
        self.streak = self.samples = 0

    def vanish(self, now: float) -> None:
        """The broker says that nobody listens there."""
        self.eject(now)
        self.gone_until, self.ejected_until = self.ejected_until, 0.0
