"""What probes and heartbeats say of an instance that is connected. Pure."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trunkline_hub.agents.model.presence import Instance, Verdict

_WINDOW_S = 60.0
_FORGET_S = 120.0
_MIN_FAILED = 5
_MAX_SHARE = 0.5
_LATE_TWICE = 2
_OVERDUE = 1.5
"""In heartbeats: how late one may be before somebody asks."""
_SAMPLES = 64


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often is asked, and what is too long."""

    probe_s: float
    timeout_s: float
    late_s: float
    deaf_after: int
    heartbeat_s: float


@dataclass
class _Sent:
    at: datetime
    path: str
    missed: bool = False


@dataclass
class Watch:
    """One instance under watch.

    An unanswered probe counts only if a heartbeat came after it: who is silent
    altogether is at work with its event loop, or gone, and its lease tells which.
    """

    verdict: Verdict | None = None
    _sent: dict[str, _Sent] = field(default_factory=dict)
    _last_sent: datetime | None = None
    _missed: dict[str, int] = field(default_factory=dict)
    """Path to how many probes in a row went unanswered there."""
    _late: int = 0
    _late_s: float = 0.0
    _answered: bool = False
    _samples: deque[tuple[datetime, int, int]] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    _turn: int = 0

    def is_due(self, one: Instance, now: datetime, patience: Patience) -> bool:
        """Whether to ask now: it is time, the last answer is missing, or a heartbeat is overdue."""
        if self._last_sent is None:
            return True
        since = (now - self._last_sent).total_seconds()
        overdue = (now - one.last_beat_at).total_seconds() > patience.heartbeat_s * _OVERDUE
        odd = overdue or any(self._missed.values())
        return since >= (
            min(patience.probe_s, max(patience.timeout_s, patience.heartbeat_s)) if odd else patience.probe_s
        )

    def next_skill(self, skills: list[str]) -> str | None:
        """Return the skill by which to ask this time: each in turn."""
        self._turn += 1
        return skills[self._turn % len(skills)] if skills else None

    def sent(self, probe: str, path: str, now: datetime) -> None:
        """A probe went out by `path`: a skill, or empty for the instance itself."""
        self._sent[probe] = _Sent(now, path)
        self._last_sent = now

    def answered(self, probe: str, now: datetime, patience: Patience) -> None:
        """A probe was answered, in time or late."""
        sent = self._sent.pop(probe, None)
        if sent is None:
            return
        self._missed.pop(sent.path, None)
        self._answered = True
        took = (now - sent.at).total_seconds()
        self._late, self._late_s = (self._late + 1, took) if took > patience.late_s else (0, 0.0)

    def look(self, one: Instance, now: datetime, patience: Patience) -> Verdict | None:
        """Return what is wrong with an instance, if anything."""
        if not self._samples or self._samples[-1][1:] != (one.handled, one.failed):
            self._samples.append((now, one.handled, one.failed))
        timeout = timedelta(seconds=patience.timeout_s)
        for probe, sent in list(self._sent.items()):
            if not sent.missed and now - sent.at > timeout and one.last_beat_at - sent.at > timeout / 2:
                sent.missed = True
                self._missed[sent.path] = self._missed.get(sent.path, 0) + 1
            if (now - sent.at).total_seconds() > _FORGET_S:
                del self._sent[probe]
        self.verdict = self._judged(now, patience)
        return self.verdict

    def _judged(self, now: datetime, patience: Patience) -> Verdict | None:
        for path, count in sorted(self._missed.items()):
            if count >= patience.deaf_after:
                where = f"calls of {path!r} do not reach it" if path else "it does not hear"
                return Verdict("unhealthy", f"connected but deaf: {where}, {patience.deaf_after} probes in a row")
        if self._late >= _LATE_TWICE:
            return Verdict("degraded", f"it answers late: after {self._late_s:.1f} s")
        failing = self._failing(now)
        if failing is not None:
            return failing
        if not self._answered and not self._missed:
            return self.verdict  # of the hub that watched before
        return None

    def _failing(self, now: datetime) -> Verdict | None:
        while len(self._samples) > 1 and (now - self._samples[1][0]).total_seconds() > _WINDOW_S:
            self._samples.popleft()
        if len(self._samples) > 1 and (now - self._samples[-1][0]).total_seconds() > _WINDOW_S:
            self._samples = deque([self._samples[-1]], maxlen=_SAMPLES)
        (_, handled, failed), (_, handled_now, failed_now) = self._samples[0], self._samples[-1]
        bad, good = failed_now - failed, handled_now - handled
        if bad >= _MIN_FAILED and bad > (bad + good) * _MAX_SHARE:
            return Verdict("degraded", f"{bad} of {bad + good} failed within a minute")
        return None
