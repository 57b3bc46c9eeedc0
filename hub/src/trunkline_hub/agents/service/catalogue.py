"""Registering agents and calling them."""

from functools import partial
from typing import Any

import jsonschema_rs
import msgspec

from trunkline.balancing.absence import UNBOUND, unbound
from trunkline.balancing.crews import wish_of
from trunkline.payloads import Codec
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, version
from trunkline.protocol.errors import (
    AgentOfflineError,
    AgentOriginError,
    AgentOwnedError,
    AgentUnknownError,
    FieldError,
    PayloadInvalidError,
    PermissionDeniedError,
    RequestInvalidError,
    SkillSchemaInvalidError,
    SkillUnknownError,
    pointer,
)
from trunkline.protocol.resources import Agent, CallRequest, CallResult
from trunkline.protocol.subjects import Lane
from trunkline.protocol.trace import current_traceparent
from trunkline_hub.agents import model, store
from trunkline_hub.agents.model import Offer, Presence
from trunkline_hub.agents.service.showing import Showing
from trunkline_hub.audit import Audit
from trunkline_hub.bus import Only, Reconciler
from trunkline_hub.bus.hubs import HubNews
from trunkline_hub.bus.signals import HubCalls, NobodyThereError
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.permission import allows
from trunkline_hub.core.principal import Principal
from trunkline_hub.core.retrieval import no_retrieval
from trunkline_hub.db import Database, Tx
from trunkline_hub.events import Events
from trunkline_hub.queues import Queues, as_declared
from trunkline_hub.schemas import Speaker
from trunkline_hub.security import Grants
from trunkline_hub.security.model import Grant

_OUTPUT = Codec(Any)
_MAX_CALL_S = 300.0
_CANDIDATES = 50
CHANGED = "agents"
"""Topic of the news that something in the catalogue changed."""
_READ_SCOPES = {"queue": "queues:consume", "group": "events:read"}


class Agents:
    """The agents of all workspaces."""

    def __init__(
        self,
        db: Database,
        audit: Audit,
        grants: Grants,
        queues: Queues,
        events: Events,
        calls: HubCalls,
        presence: Presence,
        news: HubNews,
    ) -> None:
        self._db = db
        self._clock = db.clock
        self._audit = audit
        self._grants = grants
        self._queues = queues
        self._events = events
        self._calls = calls
        self._presence = presence
        self._news = news
        self._showing = Showing(presence, db.clock)

    async def check(self, by: Principal, workspace: str, name: str, wanted: frames.Registration) -> None:
        """Refuse what could not be declared; asks the broker, so never call it in a transaction.

        Raises:
            ProtocolUnsupportedError, RequestInvalidError, AgentOwnedError, PermissionDeniedError
            QueueInUseError: a queue's settings would change in a way that needs it to be empty.
        """
        version.check(wanted.protocol)
        model.check_registration(name, wanted)
        async with self._db.read() as tx:
            await self._owned(tx, by, workspace, name)
        for reader in wanted.readers:
            _refuse_reading(by, reader)
            if reader.lane == "queue":
                await self._queues.preview(workspace, reader.name, as_declared(reader))

    async def converge(self, reconciler: Reconciler, workspace: str, wanted: frames.Registration) -> None:
        """Make on the broker what an agent's readers need."""
        lanes: tuple[Lane, ...] = ("queue", "group")
        for lane in lanes:
            names = tuple(reader.name for reader in wanted.readers if reader.lane == lane)
            if names:
                await reconciler.refit(Only(workspace=workspace, lane=lane, names=names))

    async def register(
        self, tx: Tx, by: Principal, workspace: str, name: str, wanted: frames.Registration
    ) -> list[frames.Reader]:
        """Write an agent into the catalogue, declare what it reads, grant what it needs on the bus.

        Raises:
            RequestInvalidError, AgentOwnedError
            PermissionDeniedError: the token lacks a scope for one of its readers.
        """
        model.check_registration(name, wanted)
        await self._owned(tx, by, workspace, name)
        readers = [await self._ensure_reader(tx, by, workspace, reader) for reader in wanted.readers]
        await self._put(tx, by, workspace, name, wanted)
        await self._grants.replace(tx, workspace, name, by.name, _grants(workspace, name, wanted))
        return readers

    async def import_agent(
        self, tx: Tx, by: Principal, workspace: str, name: str, wanted: frames.Registration, *, origin: str,
        origin_url: str = "",
    ) -> None:  # fmt: skip
        """Write an agent that does not speak on the bus itself into the catalogue; it needs no connection.

        Import one agent in each transaction: changes of the catalogue wait for each other.

        Raises:
            RequestInvalidError, AgentOwnedError
            AgentOriginError: an agent of this name came from elsewhere.
        """
        model.check_registration(name, wanted)
        if wanted.readers:
            raise RequestInvalidError(errors=[FieldError("/readers", "an imported agent reads nothing itself")])
        row = await self._owned(tx, by, workspace, name)
        if row is not None and row.origin != origin:
            raise AgentOriginError(f"The agent {name!r} is of origin {row.origin!r}, not {origin!r}")
        await self._put(tx, by, workspace, name, wanted, origin=origin, origin_url=origin_url)

    async def _put(
        self, tx: Tx, by: Principal, workspace: str, name: str, wanted: frames.Registration, *, origin: str = "sdk",
        origin_url: str = "",
    ) -> None:  # fmt: skip
        row = _row(workspace, name, by, wanted) | {
            "origin": origin, "origin_url": origin_url, "imported_by": "" if origin == "sdk" else by.name,
        }  # fmt: skip
        change = await store.put(tx, row, [skill.name for skill in wanted.skills])
        await self._audit.record(
            tx, workspace, by.name, "agent.registered", f"agent/{name}", version=wanted.version, origin=origin
        )
        fact = {
            "agent": name, "version": wanted.version, "skills": [skill.name for skill in wanted.skills],
            "origin": origin,
        }  # fmt: skip
        await tx.emit(workspace, "trunkline.agent.registered", fact, subject=name)
        if change is not None:
            await self._changed(tx, workspace, change, name, wanted.version)

    async def _changed(self, tx: Tx, workspace: str, change: str, name: str, version: str) -> None:
        await store.add_changes(tx, workspace, [{"change": change, "agent": name, "version": version}])
        tx.after_commit(partial(self._news.announce, CHANGED))

    async def every(self, tx: Tx, workspace: str) -> list[Agent]:
        """Return the whole catalogue of a workspace."""
        return [self._showing.agent(row, None) for row in await store.every(tx, workspace)]

    async def mark(self, tx: Tx, workspace: str) -> tuple[int, str]:
        """Return what changes whenever the catalogue does."""
        return await store.mark(tx, workspace)

    async def readers(self, tx: Tx, by: Principal, workspace: str, name: str) -> list[frames.Reader]:
        """Return the queues that an agent of `by` takes work from, as they are set now.

        Raises:
            AgentUnknownError, AgentOwnedError
        """
        await self._row(tx, workspace, name)
        row = await self._owned(tx, by, workspace, name)
        declared = msgspec.convert(row.readers, list[frames.ReaderDeclaration])
        return await self._queues.readers(tx, workspace, [one.name for one in declared if one.lane == "queue"])

    async def remove(self, tx: Tx, by: Principal, workspace: str, name: str) -> None:
        """Take an agent out of the catalogue; its queues and groups stay.

        Raises:
            AgentUnknownError
        """
        row = await self._row(tx, workspace, name)
        await store.remove(tx, workspace, name)
        await self._grants.replace(tx, workspace, name, by.name, [])
        await self._audit.record(tx, workspace, by.name, "agent.removed", f"agent/{name}")
        await tx.emit(workspace, "trunkline.agent.removed", {"agent": name}, subject=name)
        await self._changed(tx, workspace, "removed", name, row.version)

    async def get(self, tx: Tx, workspace: str, name: str) -> Agent:
        """Return one agent.

        Raises:
            AgentUnknownError
        """
        row = await self._row(tx, workspace, name)
        return self._showing.agent(row, (await store.states(tx, workspace, [name])).get(name))

    async def speakers(self, tx: Tx, workspace: str) -> list[Speaker]:
        """Return what every agent says it publishes, and what it reads."""
        return [_speaker(row) for row in await store.every(tx, workspace)]

    async def up_and_total(self, tx: Tx, workspace: str) -> tuple[int, int]:
        """Count the agents that are alive, and all in the catalogue."""
        living = self._presence.living(workspace, self._clock.now())
        return await store.count(tx, workspace, among=living), await store.count(tx, workspace)

    async def offer(self, workspace: str, skill: str, agent: str | None = None) -> Offer:
        """Return who offers a skill: of several agents one that is there.

        Raises:
            SkillUnknownError
        """
        rows = await self._who_offers(workspace, skill, agent)
        now = self._clock.now()
        row = next((row for row in rows if self._presence.instances(workspace, row.name, now)), rows[0])
        skills = msgspec.convert(row.skills, list[frames.Skill])
        return Offer(
            agent=row.name, owner=row.owner, version=row.version, skill=next(one for one in skills if one.name == skill)
        )  # fmt: skip

    async def offers(self, workspace: str, skill: str) -> list[Offer]:
        """Return every agent that offers a skill, there or not.

        Raises:
            SkillUnknownError
        """
        rows = await self._who_offers(workspace, skill, None)
        return [
            Offer(agent=row.name, owner=row.owner, version=row.version, skill=one)
            for row in rows
            for one in msgspec.convert(row.skills, list[frames.Skill])
            if one.name == skill
        ]

    async def skill_names(self, tx: Tx, workspace: str) -> set[str]:
        """Return the skills that agents of a workspace offer, connected or not."""
        return await store.skill_names(tx, workspace)

    async def call(self, caller: Principal, workspace: str, skill: str, wanted: CallRequest) -> CallResult:
        """Call a skill and return what it answers.

        Raises:
            SkillUnknownError, PayloadInvalidError
            AgentOfflineError: at once, when no instance is connected.
            CallTimeoutError, CallFailedError, CircuitOpenError
        """
        if not 0 < wanted.timeout_s <= _MAX_CALL_S:
            raise RequestInvalidError(errors=[FieldError("/timeout_s", f"must be above 0 and at most {_MAX_CALL_S:g}")])
        owners = await self._who_offers(workspace, skill, wanted.agent)
        _validate(owners[0], skill, wanted.input)
        request = ce.new_envelope(
            type=f"call.{skill}", source=f"/{workspace}/{caller.name}", data=msgspec.json.encode(wanted.input),
            traceparent=current_traceparent.get(),
        )  # fmt: skip
        try:
            wish = wish_of(wanted.agent, instance=wanted.instance, version=wanted.version, key=wanted.key)
            reply = await self._calls.call(
                workspace, caller.name, skill, wanted.agent, request, timeout_s=wanted.timeout_s, wish=wish
            )
        except NobodyThereError:
            if all(row.origin in UNBOUND for row in owners):
                raise unbound(owners[0].name, skill) from None
            names = ", ".join(row.name for row in owners)
            raise AgentOfflineError(f"{names} offers {skill!r} but is not connected") from None
        return CallResult(output=_OUTPUT.read(reply), dataref=reply.dataref)

    async def _ensure_reader(
        self, tx: Tx, by: Principal, workspace: str, wanted: frames.ReaderDeclaration
    ) -> frames.Reader:
        _refuse_reading(by, wanted)
        if wanted.lane == "queue":
            return await self._queues.ensure(tx, by, workspace, wanted)
        return await self._events.ensure_group(tx, workspace, wanted)

    async def _owned(self, tx: Tx, by: Principal, workspace: str, name: str) -> Any:
        """Return the agent's row, or None where it is new."""
        row = await store.get(tx, workspace, name)
        if row is not None and row.owner != by.name:
            raise AgentOwnedError(f"The agent {name!r} belongs to {row.owner!r}")
        return row

    async def _who_offers(self, workspace: str, skill: str, agent: str | None) -> list[Any]:
        async with self._db.read() as tx:
            rows = await store.page(tx, workspace, skill=skill, after=None, limit=_CANDIDATES)
        owners = [row for row in rows if agent in {None, row.name}]
        if not owners:
            of_agent = f" of agent {agent!r}" if agent else ""
            raise SkillUnknownError(f"There is no skill {skill!r}{of_agent} in workspace {workspace!r}")
        return owners

    async def _row(self, tx: Tx, workspace: str, name: str) -> Any:
        row = await store.get(tx, workspace, name)
        if row is None:
            raise AgentUnknownError(f"There is no agent {name!r} in workspace {workspace!r}")
        return row


class Crews:
    """Who works on which queue."""

    def __init__(self, presence: Presence, clock: Clock) -> None:
        self._presence = presence
        self._clock = clock

    async def by_queue(self, tx: Tx, workspace: str) -> dict[str, int]:
        """Count the running instances of agents that take a queue's work."""
        now = self._clock.now()
        found: dict[str, int] = {}
        for name, readers in await store.readers(tx, workspace):
            running = len(self._presence.instances(workspace, name, now))
            for reader in readers if running else []:
                if reader["lane"] == "queue":
                    found[reader["name"]] = found.get(reader["name"], 0) + running
        return found


def _refuse_reading(by: Principal, wanted: frames.ReaderDeclaration) -> None:
    scope = _READ_SCOPES[wanted.lane]
    if not allows(by.scopes, scope):
        raise PermissionDeniedError(f"Reading the {wanted.lane} {wanted.name!r} needs the scope {scope!r}")


def _speaker(row: Any) -> Speaker:
    readers = msgspec.convert(row.readers, list[frames.ReaderDeclaration])
    return Speaker(
        agent=row.name, principal=row.owner, publishes=row.publishes,
        groups=[reader.name for reader in readers if reader.lane == "group"],
        queues=[reader.name for reader in readers if reader.lane == "queue"],
    )  # fmt: skip


def _row(workspace: str, name: str, by: Principal, wanted: frames.Registration) -> dict[str, Any]:
    return {
        "workspace_id": workspace, "name": name, "owner": by.name, "version": wanted.version, "title": wanted.title,
        "description": wanted.description, "documentation_url": wanted.documentation_url, "icon_url": wanted.icon_url,
        "labels": wanted.labels, "interfaces": msgspec.to_builtins(wanted.interfaces),
        "limits": msgspec.to_builtins(wanted.limits), "skills": msgspec.to_builtins(wanted.skills),
        "readers": msgspec.to_builtins(wanted.readers), "publishes": wanted.publishes,
        "a2a": msgspec.to_builtins(wanted.a2a),
    }  # fmt: skip


def _grants(workspace: str, agent: str, wanted: frames.Registration) -> list[Grant]:
    skills = [Grant(workspace=workspace, agent=agent, kind="skill", name=skill.name) for skill in wanted.skills]
    readers = [Grant(workspace=workspace, agent=agent, kind=r.lane, name=r.name) for r in wanted.readers]
    return [Grant(workspace=workspace, agent=agent, kind="agent", name=agent), *skills, *readers]


def _validate(row: Any, skill: str, payload: Any) -> None:
    """Refuse input that does not fit the skill's declared schema, before anybody is called."""
    check_input(next(msgspec.convert(one, frames.Skill) for one in row.skills if one["name"] == skill), payload)


def check_input(skill: frames.Skill, payload: Any) -> None:
    """Refuse input that does not fit a skill's declared schema.

    Raises:
        PayloadInvalidError, SkillSchemaInvalidError
    """
    schema = skill.input_schema
    if schema is None:
        return
    try:
        validator = jsonschema_rs.validator_for(schema, retriever=no_retrieval)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise SkillSchemaInvalidError(f"The schema of skill {skill.name!r} is not valid JSON Schema: {error}") from None
    problems = [FieldError(pointer(error.instance_path), error.message) for error in validator.iter_errors(payload)]
    if problems:
        raise PayloadInvalidError(errors=problems[:20])
