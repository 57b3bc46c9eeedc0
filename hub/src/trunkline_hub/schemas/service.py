"""Declaring event types, adding versions, holding events against them; who publishes and who consumes them."""

import asyncio
from functools import partial
from typing import Any

from trunkline.protocol import envelope as ce
from trunkline.protocol.dataschema import urn
from trunkline.protocol.errors import (
    EventTypeInUseError,
    EventTypeUnknownError,
    EventTypeVersionUnknownError,
    FieldError,
    SchemaIncompatibleError,
)
from trunkline.protocol.resources import (
    CompatibilityCheck,
    CompatibilityReport,
    DayCount,
    EventType,
    EventTypeDeclaration,
    EventTypeDetail,
    EventTypePage,
    EventTypeRules,
    EventTypeVersion,
    EventTypeVersionPage,
    NewEventTypeVersion,
    Producer,
    QuarantinedEvent,
    QuarantinePage,
    Unknown,
    ValidationReport,
    ValidationRequest,
)
from trunkline.rules import CHANGED, TypeCheck
from trunkline_hub.audit import Audit
from trunkline_hub.core.clock import rfc3339, rfc3339_or_none
from trunkline_hub.core.page import cut, decode_cursor, decode_number
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.schemas import store
from trunkline_hub.schemas.model import types
from trunkline_hub.schemas.model.rulebook import RuleBook
from trunkline_hub.schemas.model.schema import check_schema, fingerprint
from trunkline_hub.schemas.ports import Agents, Groups

_DEFAULTS: dict[str, Any] = {
    "description": "", "owner": "", "tags": [], "samples": [], "compatibility": "backward", "reading": "lenient",
    "policy": "open",
}  # fmt: skip
_NOTHING_SEEN = {"first_seen_at": None, "last_seen_at": None, "count": 0}


class EventTypes:
    """The catalogue of all workspaces, and the rules that follow from it."""

    def __init__(self, db: Database, audit: Audit) -> None:
        self._db = db
        self._audit = audit
        self._books: dict[str, RuleBook] = {}

    async def declare(
        self, tx: Tx, by: Principal, workspace: str, name: str, wanted: EventTypeDeclaration
    ) -> EventType:
        """Create a type, or change what is said of it; a schema that is new becomes its next version.

        Raises:
            RequestInvalidError: a field cannot be kept, or a sample does not fit.
            SchemaInvalidError, SchemaIncompatibleError
        """
        types.check_declaration(name, wanted)
        present = await store.get(tx, workspace, name, lock=True)
        before = {key: getattr(present, key) for key in _DEFAULTS} if present else _DEFAULTS
        values = {key: getattr(wanted, key) if getattr(wanted, key) is not None else before[key] for key in _DEFAULTS}
        deprecated_at = present.deprecated_at if present else None
        if wanted.deprecated is not None and wanted.deprecated != (deprecated_at is not None):
            deprecated_at = tx.clock.now() if wanted.deprecated else None
        versions = await self._versions(tx, workspace, name)
        schema = wanted.schema or (versions[0].schema if versions else None)
        is_new = wanted.schema is not None and await self._equal(wanted.schema, versions, values) is None
        if schema is not None:
            await asyncio.to_thread(types.check_samples, values["samples"], schema, values["reading"])
        if present and not is_new and values == before and deprecated_at == present.deprecated_at:
            tx.audited = True  # nothing changed, so there is nothing to record
            return (await self._describe(tx, workspace, [name]))[0]
        last = present.last_number if present else 0
        await store.put(tx, workspace, name, {**values, "deprecated_at": deprecated_at, "last_number": last})
        detail = {key: values[key] for key in ("owner", "compatibility", "reading", "policy")}
        await self._audit.record(tx, workspace, by.name, "event_type.declared", f"event_type/{name}", **detail)
        if is_new and wanted.schema is not None:
            await self._store_version(tx, by, workspace, name, last + 1, wanted.schema, wanted.note)
        await self._changed(tx, workspace, name, "declared")
        return (await self._describe(tx, workspace, [name]))[0]

    async def add_version(
        self, tx: Tx, by: Principal, workspace: str, name: str, wanted: NewEventTypeVersion
    ) -> EventTypeVersion:
        """Add a version; one that is there already is returned as it is.

        Raises:
            EventTypeUnknownError, SchemaInvalidError, SchemaIncompatibleError
            RequestInvalidError: a sample does not fit.
        """
        row = await self._row(tx, workspace, name)
        said = {"compatibility": row.compatibility, "reading": row.reading}
        equal = await self._equal(wanted.schema, await self._versions(tx, workspace, name), said)
        if equal is not None:
            tx.audited = True  # nothing changed, so there is nothing to record
            return await self.version(tx, workspace, name, equal)
        change = EventTypeDeclaration(schema=wanted.schema, note=wanted.note, samples=wanted.samples)
        found = await self.declare(tx, by, workspace, name, change)
        assert found.newest is not None
        return await self.version(tx, workspace, name, found.newest)

    async def deprecate_version(
        self, tx: Tx, by: Principal, workspace: str, name: str, number: int, *, deprecated: bool
    ) -> EventTypeVersion:
        """Let senders no longer use a version, or let them again.

        Raises:
            EventTypeUnknownError, EventTypeVersionUnknownError
        """
        await self.version(tx, workspace, name, number)
        await store.deprecate_version(tx, workspace, name, number, tx.clock.now() if deprecated else None)
        verb = "deprecated" if deprecated else "restored"
        resource = f"event_type/{name}/{number}"
        await self._audit.record(tx, workspace, by.name, f"event_type_version.{verb}", resource)
        await self._changed(tx, workspace, name, f"version_{verb}", number)
        return await self.version(tx, workspace, name, number)

    async def remove(self, tx: Tx, by: Principal, workspace: str, name: str, users: list[str], *, force: bool) -> None:
        """Delete a type with its versions; what lies in the log stays.

        Raises:
            EventTypeUnknownError
            EventTypeInUseError: there are `users`, and it is not forced.
        """
        await self._row(tx, workspace, name)
        if users and not force:
            raise EventTypeInUseError(f"{name!r} is used by {', '.join(users)}")
        await store.remove(tx, workspace, name)
        await self._audit.record(tx, workspace, by.name, "event_type.removed", f"event_type/{name}", forced=force)
        await self._changed(tx, workspace, name, "removed")

    async def remove_version(
        self, tx: Tx, by: Principal, workspace: str, name: str, number: int, *, force: bool
    ) -> None:
        """Delete a version; its number is not given again.

        Raises:
            EventTypeUnknownError, EventTypeVersionUnknownError
            EventTypeInUseError: senders may still use it, and it is not forced.
        """
        found = await self.version(tx, workspace, name, number)
        if found.deprecated_at is None and not force:
            raise EventTypeInUseError(f"Version {number} of {name!r} is not deprecated: senders may still use it")
        await store.remove_version(tx, workspace, name, number)
        resource = f"event_type/{name}/{number}"
        await self._audit.record(tx, workspace, by.name, "event_type_version.removed", resource, forced=force)
        await self._changed(tx, workspace, name, "version_removed", number)

    async def page(
        self, tx: Tx, workspace: str, filters: dict[str, Any], *, cursor: str | None, limit: int
    ) -> EventTypePage:
        """Return types by name, also those only seen; filters: `text`, `owner`, `tag`, `deprecated`, `declared`."""
        names = await store.names(tx, workspace, filters, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(names, limit, str)
        return EventTypePage(items=await self._describe(tx, workspace, list(kept)), next=after)

    async def get(self, tx: Tx, workspace: str, name: str) -> tuple[EventType, dict[str, Any] | None]:
        """Return a type, declared or only seen, and its newest schema.

        Raises:
            EventTypeUnknownError
        """
        (found,) = await self._describe(tx, workspace, [name])
        if not found.declared and found.first_seen_at is None:
            raise _unknown(workspace, name)
        newest = await store.versions(tx, workspace, name, limit=1)
        return found, newest[0].schema if newest else None

    async def version_page(
        self, tx: Tx, workspace: str, name: str, *, cursor: str | None, limit: int
    ) -> EventTypeVersionPage:
        """Return a type's versions, newest first.

        Raises:
            EventTypeUnknownError
        """
        await self._row(tx, workspace, name)
        rows = await store.versions(tx, workspace, name, before=decode_number(cursor), limit=limit + 1)
        kept, after = cut(rows, limit, lambda row: str(row.number))
        return EventTypeVersionPage(items=[_version(row) for row in kept], next=after)

    async def version(self, tx: Tx, workspace: str, name: str, number: int) -> EventTypeVersion:
        """Return one version.

        Raises:
            EventTypeUnknownError, EventTypeVersionUnknownError
        """
        await self._row(tx, workspace, name)
        row = await store.version(tx, workspace, name, number)
        if row is None:
            raise EventTypeVersionUnknownError(f"{name!r} has no version {number}")
        return _version(row)

    async def try_schema(self, tx: Tx, workspace: str, name: str, wanted: CompatibilityCheck) -> CompatibilityReport:
        """Tell whether a schema could become the next version.

        Raises:
            EventTypeUnknownError, SchemaInvalidError
        """
        row = await self._row(tx, workspace, name)
        check_schema(wanted.schema)
        mode, reading = wanted.compatibility or row.compatibility, wanted.reading or row.reading
        rows = await store.versions(tx, workspace, name)
        mark = fingerprint(wanted.schema)
        equals = next((version.number for version in rows if version.fingerprint == mark), None)
        versions = [_as_rule(version) for version in rows]
        problems = await asyncio.to_thread(types.incompatibilities, wanted.schema, versions, mode, reading)
        return CompatibilityReport(
            compatible=not problems, compatibility=mode, reading=reading, equals=equals, problems=problems
        )

    async def validate(self, tx: Tx, workspace: str, name: str, wanted: ValidationRequest) -> ValidationReport:
        """Tell whether a payload fits a type: the version asked for, else any that senders may use.

        Raises:
            EventTypeUnknownError, EventTypeVersionUnknownError
        """
        row = await self._row(tx, workspace, name)
        versions = await self._versions(tx, workspace, name)
        if wanted.version is not None:
            versions = [version for version in versions if version.number == wanted.version]
            if not versions:
                raise EventTypeVersionUnknownError(f"{name!r} has no version {wanted.version}")
        check = TypeCheck(types.rule(name, row.policy, row.reading, versions))
        usable = [v for v in check.rule.versions if v.live or wanted.version is not None]
        if not versions:
            return ValidationReport(valid=True)
        number, errors = check.judge(wanted.data, usable)
        return ValidationReport(valid=not errors, version=number or None, errors=errors)

    async def rules(self, tx: Tx, workspace: str) -> EventTypeRules:
        """Return what senders are held to: the enforced types that have a schema."""
        book = await self._read_book(tx, workspace)
        enforced = [check.rule for check in book.checks.values() if check.rule.policy == "enforce"]
        return EventTypeRules(revision=book.revision, unknown=book.unknown, types=enforced)

    async def set_rules(self, tx: Tx, by: Principal, workspace: str, unknown: Unknown) -> EventTypeRules:
        """Say what becomes of events of undeclared types that come through the hub."""
        await self._audit.record(tx, workspace, by.name, "event_types.rules_set", "event_types", unknown=unknown)
        await self._changed(tx, workspace, None, "rules", unknown=unknown)
        return await self.rules(tx, workspace)

    async def admit(self, workspace: str, message: ce.Envelope) -> None:
        """Let an event pass that fits its type; for what comes through the hub, before it is stored.

        Raises:
            EventTypeUnknownError: nobody declared the type, and unknown ones are refused here.
            PayloadInvalidError: its type is enforced, and it does not fit.
        """
        book = await self.book(workspace)
        if message.type not in book.declared and book.unknown == "refuse":
            raise _unknown(workspace, message.type)
        check = book.checks.get(message.type)
        if check is not None and check.rule.policy == "enforce":
            check.check(message, sending=True)

    async def check_received(self, workspace: str, message: ce.Envelope) -> None:
        """Refuse an event that the hub itself is to handle and that does not fit its type, as agents do.

        Raises:
            PayloadInvalidError: its type is enforced, and it fits no version.
        """
        check = (await self.book(workspace)).checks.get(message.type)
        if check is not None and check.rule.policy == "enforce":
            check.check(message, sending=False)

    async def book(self, workspace: str) -> RuleBook:
        """Return the rules of a workspace as this hub knows them."""
        if workspace not in self._books:
            await self.refresh(workspace)
        return self._books[workspace]

    async def refresh(self, workspace: str) -> bool:
        """Look whether the rules of a workspace have changed; whether they had."""
        known = self._books.get(workspace)
        async with self._db.read() as tx:
            revision, _unknown = await store.rules(tx, workspace)
            if known is not None and known.revision == revision:
                return False
            self._books[workspace] = await self._read_book(tx, workspace)
        return True

    async def refresh_all(self) -> bool:
        """Look whether any rules in use here have changed; whether some had."""
        return any([await self.refresh(workspace) for workspace in list(self._books)])

    async def quarantine(
        self, tx: Tx, workspace: str, filters: dict[str, Any], *, cursor: str | None, limit: int
    ) -> QuarantinePage:
        """Return events that do not fit their type, newest first; filters: `type`, `sender`."""
        rows = await store.quarantine_page(tx, workspace, filters, before=decode_number(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.seq))
        return QuarantinePage(items=[_quarantined(row) for row in kept], next=after)

    async def _equal(self, schema: dict[str, Any], versions: list[types.Version], said: dict[str, Any]) -> int | None:
        """Return the number of the version that equals `schema`; None where it is new, and may be added."""
        check_schema(schema)
        mark = fingerprint(schema)
        for version in versions:
            if fingerprint(version.schema) == mark:
                return version.number
        mode, reading = said["compatibility"], said["reading"]
        problems = await asyncio.to_thread(types.incompatibilities, schema, versions, mode, reading)
        if problems:
            raise SchemaIncompatibleError(errors=[FieldError("/schema" + p.pointer, p.detail) for p in problems])
        return None

    async def _store_version(
        self, tx: Tx, by: Principal, workspace: str, name: str, number: int, schema: dict[str, Any], note: str
    ) -> None:
        row = {
            "workspace_id": workspace, "type": name, "number": number, "schema": schema,
            "fingerprint": fingerprint(schema), "author": by.name, "note": note,
        }  # fmt: skip
        await store.add_version(tx, row)
        resource = f"event_type/{name}/{number}"
        await self._audit.record(tx, workspace, by.name, "event_type_version.added", resource, note=note[:500])

    async def _changed(
        self, tx: Tx, workspace: str, name: str | None, change: str, number: int | None = None,
        *, unknown: Unknown | None = None,
    ) -> None:  # fmt: skip
        revision = await store.touch_rules(tx, workspace, unknown)
        fact = {"event_type": name, "change": change, "version": number, "revision": revision}
        await tx.emit(workspace, CHANGED, fact, subject=name)
        tx.after_commit(partial(self._refresh_quietly, workspace))

    async def _refresh_quietly(self, workspace: str) -> None:
        await self.refresh(workspace)

    async def _read_book(self, tx: Tx, workspace: str) -> RuleBook:
        revision, unknown = await store.rules(tx, workspace)
        by_type: dict[str, list[types.Version]] = {}
        for row in await store.versions(tx, workspace):
            by_type.setdefault(row.type, []).append(_as_rule(row))
        rows = await store.rows(tx, workspace)
        return RuleBook(
            revision=revision,
            unknown="refuse" if unknown == "refuse" else "allow",
            declared=frozenset(row.name for row in rows),
            checks={
                row.name: TypeCheck(types.rule(row.name, row.policy, row.reading, by_type[row.name]))
                for row in rows
                if row.policy != "open" and row.name in by_type
            },
        )

    async def _describe(self, tx: Tx, workspace: str, names: list[str]) -> list[EventType]:
        rows = {row.name: row for row in await store.rows(tx, workspace, names)}
        versions = await store.version_counts(tx, workspace, names)
        bad = await store.quarantine_counts(tx, workspace, names)
        seen: dict[str, dict[str, Any]] = {}
        for sender in await store.senders(tx, workspace, names):
            had = seen.setdefault(sender.type, {"first_seen_at": sender.first_seen_at, "last_seen_at": sender.last_seen_at, "count": 0})  # fmt: skip
            had["first_seen_at"] = min(had["first_seen_at"], sender.first_seen_at)
            had["last_seen_at"] = max(had["last_seen_at"], sender.last_seen_at)
        for day in await store.day_counts(tx, workspace, names):
            if day.type in seen:
                seen[day.type]["count"] += day.count
        return [
            _type(name, rows.get(name), versions.get(name), seen.get(name, _NOTHING_SEEN), bad.get(name, 0))
            for name in names
        ]

    async def _versions(self, tx: Tx, workspace: str, name: str) -> list[types.Version]:
        return [_as_rule(row) for row in await store.versions(tx, workspace, name)]

    async def _row(self, tx: Tx, workspace: str, name: str) -> Any:
        row = await store.get(tx, workspace, name)
        if row is None:
            raise _unknown(workspace, name)
        return row


class Traffic:
    """Who publishes and who consumes each type: as they say themselves, and as was seen."""

    def __init__(self, catalogue: EventTypes, agents: Agents, groups: Groups) -> None:
        self._catalogue = catalogue
        self._agents = agents
        self._groups = groups

    async def detail(self, tx: Tx, workspace: str, name: str) -> EventTypeDetail:
        """Return a type with its newest schema and everybody who uses it.

        Raises:
            EventTypeUnknownError
        """
        found, schema = await self._catalogue.get(tx, workspace, name)
        speakers = await self._agents.speakers(tx, workspace)
        days: dict[str, int] = {}
        by_sender: dict[str, int] = {}
        for row in await store.day_counts(tx, workspace, [name]):
            days[row.day] = days.get(row.day, 0) + row.count
            by_sender[row.principal] = by_sender.get(row.principal, 0) + row.count
        seen = [
            Producer(
                principal=row.principal, observed=True, first_seen_at=rfc3339(row.first_seen_at),
                last_seen_at=rfc3339(row.last_seen_at), count=by_sender.get(row.principal, 0),
            )
            for row in await store.senders(tx, workspace, [name])
        ]  # fmt: skip
        return EventTypeDetail(
            type=found,
            schema=schema,
            producers=types.producers(name, speakers, seen),
            consumers=types.consumers(name, speakers, await self._groups.groups(tx, workspace)),
            days=[DayCount(day=day, count=count) for day, count in sorted(days.items())],
        )

    async def users(self, tx: Tx, workspace: str, name: str) -> list[str]:
        """Name everybody who uses a type."""
        detail = await self.detail(tx, workspace, name)
        publishing = [f"agent {p.agent}" if p.agent else f"principal {p.principal}" for p in detail.producers]
        return publishing + [f"{consumer.lane} {consumer.name}" for consumer in detail.consumers]


def _unknown(workspace: str, name: str) -> EventTypeUnknownError:
    return EventTypeUnknownError(f"There is no event type {name!r} in workspace {workspace!r}")


def _as_rule(row: Any) -> types.Version:
    return types.Version(number=row.number, schema=row.schema, live=row.deprecated_at is None)


def _version(row: Any) -> EventTypeVersion:
    return EventTypeVersion(
        type=row.type, number=row.number, schema=row.schema,
        dataschema=urn(row.workspace_id, row.type, row.number), fingerprint=row.fingerprint, author=row.author,
        note=row.note, created_at=rfc3339(row.created_at), deprecated_at=rfc3339_or_none(row.deprecated_at),
    )  # fmt: skip


def _type(name: str, row: Any, versions: tuple[int, int] | None, seen: dict[str, Any], quarantined: int) -> EventType:
    count, newest = versions or (0, None)
    told = {
        "first_seen_at": rfc3339_or_none(seen["first_seen_at"]), "last_seen_at": rfc3339_or_none(seen["last_seen_at"]),
        "count": seen["count"], "quarantined": quarantined,
    }  # fmt: skip
    if row is None:
        return EventType(name=name, declared=False, **told)
    return EventType(
        name=name, declared=True, description=row.description, owner=row.owner, tags=row.tags, samples=row.samples,
        compatibility=row.compatibility, reading=row.reading, policy=row.policy, versions=count, newest=newest,
        created_at=rfc3339(row.created_at), updated_at=rfc3339(row.updated_at),
        deprecated_at=rfc3339_or_none(row.deprecated_at), **told,
    )  # fmt: skip


def _quarantined(row: Any) -> QuarantinedEvent:
    return QuarantinedEvent(
        id=row.id, seq=row.seq, type=row.type, sender=row.sender, message_id=row.message_id, policy=row.policy,
        reasons=[FieldError(reason["pointer"], reason["detail"]) for reason in row.reasons], at=rfc3339(row.at),
    )  # fmt: skip
