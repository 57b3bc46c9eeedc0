"""Agents as they are shown: what is in the catalogue, and how they are now."""

from typing import Any

import msgspec

from trunkline.protocol import frames
from trunkline.protocol.resources import Agent, AgentChange, AgentInstance
from trunkline_hub.agents.model.presence import Instance, Presence
from trunkline_hub.core.clock import Clock, rfc3339


class Showing:
    """Puts a row and what is heard together."""

    def __init__(self, presence: Presence, clock: Clock) -> None:
        self._presence = presence
        self._clock = clock

    def agent(self, row: Any, recorded: Any) -> Agent:
        """Return an agent; `recorded` is its newest state on record, if any."""
        now = self._clock.now()
        workspace = row.workspace_id
        readers = msgspec.convert(row.readers, list[frames.ReaderDeclaration])
        state, reason = self._presence.health(workspace, row.name, now)
        agrees = recorded is not None and recorded.state == state
        return Agent(
            name=row.name, owner=row.owner, version=row.version, description=row.description, title=row.title,
            state=state, reason=recorded.reason if agrees else reason,
            state_since=rfc3339(recorded.since) if agrees else None,
            skills=msgspec.convert(row.skills, list[frames.Skill]),
            queues=[reader.name for reader in readers if reader.lane == "queue"],
            groups=[reader.name for reader in readers if reader.lane == "group"],
            instances=[_instance(one) for one in self._presence.instances(workspace, row.name, now)],
            labels=row.labels, interfaces=msgspec.convert(row.interfaces, list[frames.Interface]),
            limits=None if row.limits is None else msgspec.convert(row.limits, frames.Limits),
            a2a=None if row.a2a is None else msgspec.convert(row.a2a, frames.Face),
            documentation_url=row.documentation_url, icon_url=row.icon_url, publishes=row.publishes,
            origin=row.origin, origin_url=row.origin_url, imported_by=row.imported_by,
            registered_at=rfc3339(row.registered_at), updated_at=rfc3339(row.updated_at),
        )  # fmt: skip


def change(row: Any) -> AgentChange:
    """Return a change as it is shown."""
    return AgentChange(
        revision=row.revision, change=row.change, agent=row.agent, at=rfc3339(row.at), instance=row.instance,
        version=row.version, state=row.state, reason=row.reason,
    )  # fmt: skip


def _instance(one: Instance) -> AgentInstance:
    return AgentInstance(
        id=one.id, state=one.state, version=one.version, since=rfc3339(one.since), reason=one.reason,
        last_beat_at=rfc3339(one.last_beat_at), in_flight=one.in_flight, handled=one.handled, failed=one.failed,
    )  # fmt: skip
