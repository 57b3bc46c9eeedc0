"""Presence by lease, and health by what is heard. Pure: time comes in as an argument."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trunkline.protocol.frames import Beat

MAX_WEIGHT = 1e6
MAX_LEASE_S = 120.0
FORGET_S = 3600.0
BEST_FIRST = ("healthy", "degraded", "draining", "starting", "unhealthy")
STATES = (*BEST_FIRST, "offline", "unknown")
STOPPED = "it stopped"
SILENT = "no heartbeat within its lease"
NEVER = "no instance has been heard of"
_SAID = frozenset({"starting", "draining"})

Key = tuple[str, str, str]
"""(workspace, agent, instance)"""


@dataclass(frozen=True)
class Verdict:
    """What watching an instance found: `degraded` or `unhealthy`, and why."""

    state: str
    reason: str


@dataclass
class Instance:
    """One running process of an agent, as its heartbeats tell."""

    id: str
    said: str
    """The state that it gives itself."""
    version: str
    since: datetime
    last_beat_at: datetime
    lease_until: datetime
    in_flight: int = 0
    handled: int = 0
    failed: int = 0
    weight: float = 1.0
    verdict: Verdict | None = None
    ended: str = ""
    """Why it is gone; empty while it is there."""

    @property
    def state(self) -> str:
        """How it is, as long as its lease holds."""
        if self.said in _SAID or self.verdict is None:
            return self.said
        return self.verdict.state

    @property
    def reason(self) -> str:
        """Why it is not healthy; empty where it is."""
        if self.said in _SAID or self.verdict is None:
            return ""
        return self.verdict.reason


@dataclass
class Presence:
    """Who is alive. Each hub keeps its own copy: every hub hears every heartbeat."""

    grace_until: datetime
    """Until then silence means "unknown", not "offline": the hub has only just begun to listen."""
    _instances: dict[tuple[str, str], dict[str, Instance]] = field(default_factory=dict)

    def beat(self, workspace: str, agent: str, instance: str, beat: Beat, now: datetime) -> None:
        """Take a heartbeat in; the last word, `offline`, ends the lease at once."""
        known = self._instances.setdefault((workspace, agent), {})
        if beat.state == "offline":
            self.end(workspace, agent, instance, STOPPED, now)
            return
        lease = timedelta(seconds=min(max(beat.lease_s, 1.0), MAX_LEASE_S))
        before = known.get(instance)
        goes_on = before is not None and not before.ended
        known[instance] = Instance(
            id=instance, said=beat.state, version=beat.version, since=before.since if before and goes_on else now,
            last_beat_at=now, lease_until=now + lease, in_flight=beat.in_flight, handled=beat.handled,
            failed=beat.failed, weight=beat.weight if 0 <= beat.weight <= MAX_WEIGHT else 1.0,
            verdict=before.verdict if before and goes_on else None,
        )  # fmt: skip

    def end(self, workspace: str, agent: str, instance: str, reason: str, now: datetime) -> None:
        """An instance is gone, and `reason` says why; its next heartbeat brings it back."""
        one = self._instances.setdefault((workspace, agent), {}).get(instance)
        if one is not None and not one.ended:
            one.ended, one.lease_until, one.verdict = reason, now, None

    def judge_all(self, workspace: str, verdicts: Mapping[tuple[str, str], Verdict]) -> None:
        """Take over what watching found of a workspace's (agent, instance); nothing is wrong with the others."""
        for (owner, agent), known in self._instances.items():
            if owner == workspace:
                for one in known.values():
                    one.verdict = verdicts.get((agent, one.id))

    def find(self, workspace: str, agent: str, instance: str) -> Instance | None:
        """Return an instance, gone or not."""
        return self._instances.get((workspace, agent), {}).get(instance)

    def where(self, agent: str, instance: str) -> list[str]:
        """Return the workspaces in which an instance of this name has been heard."""
        return [owner for (owner, name), known in self._instances.items() if name == agent and instance in known]

    def instances(self, workspace: str, agent: str, now: datetime) -> list[Instance]:
        """Return the instances whose lease holds; those long gone are forgotten."""
        known = self._instances.get((workspace, agent))
        if not known:
            return []
        furthest = now + timedelta(seconds=MAX_LEASE_S)
        for one in known.values():  # the clock was put back: nobody was promised so long a lease
            one.lease_until = min(one.lease_until, furthest)
        for instance_id in [i for i, one in known.items() if now - one.lease_until > timedelta(seconds=FORGET_S)]:
            del known[instance_id]
        living = (one for one in known.values() if not one.ended and one.lease_until >= now)
        return sorted(living, key=lambda one: (one.since, one.id))

    def state(self, workspace: str, agent: str, now: datetime) -> str:
        """Return the agent's state: that of its best instance."""
        return self.health(workspace, agent, now)[0]

    def health(self, workspace: str, agent: str, now: datetime) -> tuple[str, str]:
        """Return (state, reason) of an agent: those of its best instance."""
        living = self.instances(workspace, agent, now)
        best = min(living, key=lambda one: _rank(one.state), default=None)
        if best is not None:
            return (best.state, best.reason) if best.state in BEST_FIRST else ("healthy", "")
        heard_of = (workspace, agent) in self._instances
        if now < self.grace_until and not heard_of:
            return "unknown", ""
        gone = self._instances.get((workspace, agent), {}).values()
        last = max(gone, key=lambda one: one.lease_until, default=None)
        return "offline", NEVER if last is None else last.ended or SILENT

    def every(self, now: datetime) -> Iterator[tuple[Key, Instance, str, str]]:
        """Yield (key, instance, state, reason) of all that were heard of, gone ones too until they are forgotten."""
        for workspace, agent in list(self._instances):
            living = {one.id for one in self.instances(workspace, agent, now)}
            for one in list(self._instances[workspace, agent].values()):
                there = one.id in living
                state, reason = (one.state, one.reason) if there else ("offline", one.ended or SILENT)
                yield (workspace, agent, one.id), one, state, reason

    def living(self, workspace: str, now: datetime) -> list[str]:
        """Return the agents with a living instance."""
        names = [agent for owner, agent in self._instances if owner == workspace]
        return [agent for agent in names if self.instances(workspace, agent, now)]

    def counts(self, workspace: str, names: Iterable[str], now: datetime) -> dict[str, int]:
        """Count agents by state."""
        found = dict.fromkeys(STATES, 0)
        for name in names:
            found[self.state(workspace, name, now)] += 1
        return found


def _rank(state: str) -> int:
    return BEST_FIRST.index(state) if state in BEST_FIRST else 0
