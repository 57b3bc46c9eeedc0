"""Presence by lease, and the rules of registration. Pure: time comes in as an argument."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.frames import Beat, Registration, Skill
from trunkline.protocol.subjects import NAME_PATTERN, can_name_reader

_NAME = re.compile(NAME_PATTERN)
_PUBLISHED = re.compile(r"[^\s\0]{1,255}")
_VERSION_CHARS = 63
_NAMED = "letters, digits, '_', '.', '-'; at most 127"
MAX_LEASE_S = 120.0
FORGET_S = 3600.0
_BEST_FIRST = ("healthy", "draining", "starting")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """An agent that offers a skill."""

    agent: str
    owner: str
    version: str
    skill: Skill


@dataclass
class Instance:
    """One running process of an agent, as its heartbeats tell."""

    id: str
    state: str
    version: str
    since: datetime
    last_beat_at: datetime
    lease_until: datetime
    in_flight: int = 0
    handled: int = 0
    failed: int = 0


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
            known.pop(instance, None)
            return
        lease = timedelta(seconds=min(max(beat.lease_s, 1.0), MAX_LEASE_S))
        before = known.get(instance)
        known[instance] = Instance(
            id=instance, state=beat.state, version=beat.version, since=before.since if before else now,
            last_beat_at=now, lease_until=now + lease,
            in_flight=beat.in_flight, handled=beat.handled, failed=beat.failed,
        )  # fmt: skip

    def instances(self, workspace: str, agent: str, now: datetime) -> list[Instance]:
        """Return the instances whose lease holds; those long gone are forgotten."""
        known = self._instances.get((workspace, agent), {})
        furthest = now + timedelta(seconds=MAX_LEASE_S)
        for one in known.values():  # the clock was put back: nobody was promised so long a lease
            one.lease_until = min(one.lease_until, furthest)
        for instance_id in [i for i, one in known.items() if now - one.lease_until > timedelta(seconds=FORGET_S)]:
            del known[instance_id]
        return sorted((one for one in known.values() if one.lease_until >= now), key=lambda one: one.since)

    def state(self, workspace: str, agent: str, now: datetime) -> str:
        """Return the agent's state: that of its best instance."""
        states = {instance.state for instance in self.instances(workspace, agent, now)}
        for state in _BEST_FIRST:
            if state in states:
                return state
        heard_of = (workspace, agent) in self._instances
        return "unknown" if now < self.grace_until and not heard_of else "offline"

    def agents_up(self, workspace: str, now: datetime) -> int:
        """Count the agents with a living instance."""
        names = [agent for owner, agent in self._instances if owner == workspace]
        return sum(1 for agent in names if self.instances(workspace, agent, now))


def check_registration(name: str, registration: Registration) -> None:
    """Refuse names that cannot be subjects, and names given twice.

    Raises:
        RequestInvalidError: names each wrong field.
    """
    problems: list[FieldError] = []
    if not _NAME.fullmatch(name):
        problems.append(FieldError("/name", _NAMED))
    if not registration.version.isprintable() or len(registration.version) > _VERSION_CHARS:
        problems.append(FieldError("/version", f"must be printable, at most {_VERSION_CHARS} characters"))
    if "\0" in registration.description:
        problems.append(FieldError("/description", "must not contain NUL"))
    for index, published in enumerate(registration.publishes):
        if not _PUBLISHED.fullmatch(published):
            problems.append(
                FieldError(f"/publishes/{index}", "must be an event type or pattern of at most 255 characters")
            )
    problems += _wrong_names("skills", [skill.name for skill in registration.skills], _NAME.fullmatch)
    for lane in ("queue", "group"):
        names = [reader.name if reader.lane == lane else None for reader in registration.readers]
        problems += _wrong_names("readers", names, can_name_reader)
    if problems:
        raise RequestInvalidError(errors=problems)


def _wrong_names(kind: str, names: Sequence[str | None], can_name: Callable[[str], object]) -> list[FieldError]:
    problems: list[FieldError] = []
    for index, name in enumerate(names):
        if name is not None and not can_name(name):
            problems.append(FieldError(f"/{kind}/{index}/name", _NAMED))
        if name is not None and name in names[:index]:
            problems.append(FieldError(f"/{kind}/{index}/name", f"{name!r} is given twice"))
    return problems
