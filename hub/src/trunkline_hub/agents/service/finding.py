"""Finding agents and skills, in an index that each hub keeps in memory and in step with SQL.

Every question first reads the revision of the catalogue: what was committed
before it was asked is in the answer, whichever hub is asked.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import msgspec

from trunkline.protocol import frames
from trunkline.protocol.errors import AgentUnknownError, CatalogueLoadingError, FieldError, RequestInvalidError
from trunkline.protocol.resources import AgentChange, AgentHistory, AgentPage, FoundSkill, SkillMatch, SkillPage
from trunkline.protocol.versions import VersionRange
from trunkline.tasks import Tasks
from trunkline_hub.agents import store
from trunkline_hub.agents.model.catalogue import Catalogue, SkillKey, Wanted
from trunkline_hub.agents.model.described import Described, skills_of
from trunkline_hub.agents.model.presence import STATES, Presence
from trunkline_hub.agents.model.registration import ORIGINS
from trunkline_hub.agents.model.roster import Member
from trunkline_hub.agents.model.shapes import CHECKS, COMPARISONS, Budget
from trunkline_hub.agents.service.showing import Showing, change
from trunkline_hub.core.memory import keep_what_is_there
from trunkline_hub.core.page import MAX_LIMIT, decode_cursor, decode_number, encode_cursor
from trunkline_hub.db import Database, Tx

T = TypeVar("T")

_SLICE = 200
"""Agents read at once, in a thread: loading a large catalogue must not hold up the hub."""
_AT_ONCE_S = 0.01
"""How long changes are taken in without a pause."""
_WAIT_S = 20.0
"""How long a question waits for an index that is being made."""
_WASTE = 10_000
"""Skills that are gone, from which on an index is made anew once they are the greater part of it."""
_FARTHEST = 10_000
"""A ranked list is paged by place, no further than this."""
_CHANGES = 500


class Finder:
    """Answers who there is, in all workspaces."""

    def __init__(self, db: Database, presence: Presence) -> None:
        self._db = db
        self._clock = db.clock
        self._presence = presence
        self._showing = Showing(presence, db.clock)
        self._catalogues: dict[str, Catalogue] = {}
        self._stepping: dict[str, asyncio.Task[None]] = {}
        self._making: dict[str, Catalogue] = {}
        self._tasks = Tasks()

    @asynccontextmanager
    async def _asking(self, workspace: str) -> AsyncIterator[tuple[Tx, Catalogue]]:
        """Open a transaction, and the index in step with it.

        Raises:
            CatalogueLoadingError: the index is still being made; no transaction is held open meanwhile.
        """
        async with self._db.read() as tx:
            if self._is_in_step(workspace, (await store.revision(tx, workspace))[0]):
                yield tx, self._catalogues[workspace]
                return
        await self._step(workspace)
        async with self._db.read() as tx:
            yield tx, self._catalogues[workspace]

    async def _step(self, workspace: str, wait_s: float | None = _WAIT_S) -> None:
        """Bring the index in step with what is committed by now; one asker does it for all."""
        async with self._db.read() as tx:
            revision, _floor = await store.revision(tx, workspace)
        try:
            async with asyncio.timeout(wait_s):
                while not self._is_in_step(workspace, revision):
                    stepping = self._stepping.get(workspace)
                    if stepping is None or stepping.done():
                        stepping = self._tasks.spawn(self._catch_up(workspace), name="catalogue", awaited=True)
                        self._stepping[workspace] = stepping
                    await asyncio.shield(stepping)
        except TimeoutError:
            raise CatalogueLoadingError(self._progress(workspace)) from None

    def _is_in_step(self, workspace: str, revision: int) -> bool:
        known = self._catalogues.get(workspace)
        return known is not None and known.revision >= revision

    async def agents(
        self, workspace: str, wanted: Wanted, *, state: str | None, cursor: str | None, limit: int
    ) -> AgentPage:
        """Return agents: the best first where a text is asked for, else by name.

        Raises:
            RequestInvalidError, CursorInvalidError
        """
        asked = self._with_state(workspace, wanted, state)
        after, skip = _place(wanted, cursor)
        async with self._asking(workspace) as (tx, found):
            names = found.agents(asked, after=after, skip=skip, want=limit + 1)
            kept = names[:limit]
            rows = await store.by_name(tx, workspace, kept)
            recorded = await store.states(tx, workspace, kept)
        items = [self._showing.agent(rows[name], recorded.get(name)) for name in kept if name in rows]
        return AgentPage(items=items, next=_next(wanted, names, kept, skip, lambda name: name))

    async def members(self, workspace: str) -> list[Member]:
        """Return every agent by name, without what it can do."""
        now = self._clock.now()
        async with self._db.read() as tx:
            rows = await store.roster(tx, workspace)
        return [
            Member(
                row.name, row.owner, row.version, row.title, row.origin, self._presence.state(workspace, row.name, now),
                len(self._presence.instances(workspace, row.name, now)),
            )
            for row in rows
        ]  # fmt: skip

    async def skills(
        self, workspace: str, wanted: Wanted, *, state: str | None, cursor: str | None, limit: int
    ) -> SkillPage:
        """Return skills: the best first where a text is asked for, else by agent and name.

        Raises:
            RequestInvalidError, CursorInvalidError
        """
        asked = self._with_state(workspace, wanted, state)
        position, skip = _place(wanted, cursor)
        agent, _, skill = (position or "").partition("/")
        async with self._asking(workspace) as (tx, found):
            keys = found.skills(asked, after=(agent, skill) if position else None, skip=skip, want=limit + 1)
            kept = keys[:limit]
            items = await self._shown(tx, workspace, kept)
        return SkillPage(items=items, next=_next(wanted, keys, kept, skip, lambda key: f"{key[0]}/{key[1]}"))

    async def match(self, workspace: str, asked: SkillMatch) -> SkillPage:
        """Return the skills that take what is given and give what is wanted, those that know most of it first.

        Raises:
            RequestInvalidError, CursorInvalidError
        """
        if not 1 <= asked.limit <= MAX_LIMIT:
            raise RequestInvalidError(errors=[FieldError("/limit", f"1 to {MAX_LIMIT}")])
        wanted = self._with_state(workspace, Wanted(tag=asked.tag, labels=labels_of(asked.labels)), asked.state)
        skip = _skipped(asked.cursor)
        budget = Budget(CHECKS if asked.input_schema is None and asked.output_schema is None else COMPARISONS)
        async with self._asking(workspace) as (tx, found):
            keys = list(islice(_matching(found, asked, wanted, budget), skip, skip + asked.limit + 1))
            items = await self._shown(tx, workspace, keys[: asked.limit])
        following = encode_cursor(str(skip + asked.limit)) if len(keys) > asked.limit else None
        return SkillPage(items=items, next=following, complete=budget.left >= 0)

    async def of_origin(self, workspace: str, origin: str) -> dict[str, Any]:
        """Return the rows of the agents that came so, by name; however long the index takes."""
        await self.catch_up(workspace)
        names = list(self._catalogues[workspace].of_origin(origin)) if workspace in self._catalogues else []
        if not names:
            return {}
        async with self._db.read() as tx:
            return await store.by_name(tx, workspace, names)

    async def history(self, tx: Tx, workspace: str, name: str, *, cursor: str | None, limit: int) -> AgentHistory:
        """Return what happened to an agent, the newest first.

        Raises:
            AgentUnknownError: there is no such agent, and nothing on record of one.
        """
        rows = await store.history(tx, workspace, name, before=decode_number(cursor), limit=limit)
        if not rows and cursor is None and await store.get(tx, workspace, name) is None:
            raise AgentUnknownError(f"There is no agent {name!r} in workspace {workspace!r}")
        kept = rows[:limit]
        following = encode_cursor(str(kept[-1].revision)) if len(rows) > limit else None
        return AgentHistory(items=[change(row) for row in kept], next=following)

    async def changes(self, workspace: str, after: int) -> list[AgentChange]:
        """Return what changed after a revision, the oldest first; some of it where that is much."""
        async with self._db.read() as tx:
            return [change(row) for row in await store.changes_after(tx, workspace, after, _CHANGES)]

    async def revision(self, workspace: str) -> int:
        """Return how often anything changed."""
        async with self._db.read() as tx:
            return (await store.revision(tx, workspace))[0]

    async def catch_up(self, workspace: str) -> None:
        """Bring the index of a workspace in step, so that the next question need not; however long it takes."""
        await self._step(workspace, wait_s=None)

    async def close(self) -> None:
        """Stop what is still being read."""
        await self._tasks.close()

    def known(self, workspace: str) -> Catalogue | None:
        """Return the index as it is, if it has been made."""
        return self._catalogues.get(workspace)

    def gauges(self) -> Iterator[tuple[str, str, dict[str, str], float]]:
        """Report how many agents are in which state, as metrics."""
        now = self._clock.now()
        for workspace, catalogue in self._catalogues.items():
            for state, count in self._presence.counts(workspace, catalogue.names, now).items():
                labels = {"workspace": workspace, "state": state}
                yield "trunkline_agents", "Agents in the catalogue, by how they are.", labels, float(count)

    async def _catch_up(self, workspace: str) -> None:
        known = self._catalogues.get(workspace)
        async with self._db.read() as tx:
            revision, floor = await store.revision(tx, workspace)
            if known is None or known.revision < floor or known.wasted > max(_WASTE, known.skill_count):
                changed = None
            else:
                changed = sorted(await store.renamed_after(tx, workspace, known.revision))
        if known is None or changed is None:
            await self._load(workspace, revision)
            return
        for start in range(0, len(changed), _SLICE):
            await self._renew(known, workspace, changed[start : start + _SLICE])
        known.revision = revision

    async def _renew(self, known: Catalogue, workspace: str, names: list[str]) -> None:
        """Take in some agents as they are now."""
        async with self._db.read() as tx:
            rows = await store.searched(tx, workspace, names)
        found = await asyncio.to_thread(_read, rows)
        until = time.monotonic() + _AT_ONCE_S
        for name in names:
            if name in found:
                known.put(found[name])
            else:
                known.remove(name)
            if time.monotonic() > until:
                await asyncio.sleep(0)
                until = time.monotonic() + _AT_ONCE_S

    async def _load(self, workspace: str, revision: int) -> None:
        """Make the index anew; nobody else sees it before it is whole, so a thread may do it."""
        made, after = Catalogue(), ""
        self._making[workspace] = made
        try:
            while True:
                async with self._db.read() as tx:
                    rows = await store.searched_after(tx, workspace, after, _SLICE)
                if not rows:
                    break
                await asyncio.to_thread(_put, made, rows)
                keep_what_is_there()
                after = rows[-1].name
        finally:
            del self._making[workspace]
        made.revision = revision
        self._catalogues[workspace] = made

    def _progress(self, workspace: str) -> str:
        made = self._making.get(workspace)
        return f"{len(made):,} agents and {made.skill_count:,} skills are read so far" if made else "It is being made"

    async def _shown(self, tx: Tx, workspace: str, keys: list[SkillKey]) -> list[FoundSkill]:
        rows = await store.by_name(tx, workspace, sorted({agent for agent, _skill in keys}))
        skills = {(name, skill["name"]): skill for name, row in rows.items() for skill in row.skills}
        now = self._clock.now()
        states = {name: self._presence.state(workspace, name, now) for name in rows}
        return [
            FoundSkill(
                agent=key[0], version=rows[key[0]].version, state=states[key[0]], origin=rows[key[0]].origin,
                skill=msgspec.convert(skills[key], frames.Skill),
            )
            for key in keys
            if key in skills
        ]  # fmt: skip

    def _with_state(self, workspace: str, wanted: Wanted, state: str | None) -> Wanted:
        if state is None:
            return wanted
        if state not in STATES:
            raise RequestInvalidError(errors=[FieldError("/state", f"one of {', '.join(STATES)}")])
        now = self._clock.now()

        def has_state(agent: str) -> bool:
            return self._presence.state(workspace, agent, now) == state

        return replace(wanted, has_state=has_state)


def _described(row: Any) -> Described:
    """Return an agent of the catalogue as it is searched."""
    own = "trunkline" if row.origin == "sdk" else row.origin
    return Described(
        name=row.name, version=row.version, title=row.title, description=row.description, origin=row.origin,
        protocols=_protocols(own, *(one["protocol"] for one in row.interfaces)), labels=row.labels,
        skills=skills_of(row.skills),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _protocols(*names: str) -> frozenset[str]:
    return frozenset(names)


def _read(rows: list[Any]) -> dict[str, Described]:
    return {row.name: _described(row) for row in rows}


def _put(made: Catalogue, rows: list[Any]) -> None:
    for row in rows:
        made.put(_described(row))


def wanted_of(
    *, text: str | None, skill: str | None, tag: str | None, version: str | None, protocol: str | None,
    labels: list[str] | None, origin: str | None, agent: str | None = None,
) -> Wanted:  # fmt: skip
    """Read the filters of a request.

    Raises:
        RequestInvalidError: one of them says nothing.
    """
    try:
        versions = None if version is None else VersionRange(version)
    except ValueError as error:
        raise RequestInvalidError(errors=[FieldError("/version", str(error))]) from None
    if origin is not None and origin not in ORIGINS:
        raise RequestInvalidError(errors=[FieldError("/origin", f"one of {', '.join(ORIGINS)}")])
    return Wanted(
        text=text, skill=skill, tag=tag, version=versions, protocol=protocol, labels=labels_of(labels or []),
        origin=origin, agent=agent,
    )  # fmt: skip


def labels_of(given: list[str]) -> dict[str, str | None]:
    """Read `key=value` (or `key`: any value)."""
    parts = (one.partition("=") for one in given)
    return {key: value if equals else None for key, equals, value in parts}


def _matching(found: Catalogue, asked: SkillMatch, wanted: Wanted, budget: Budget) -> Iterator[SkillKey]:
    gives = None if asked.output_schema is None else found.gives(asked.output_schema, budget)
    taking: Iterator[SkillKey] | None = None
    if asked.input is not msgspec.UNSET:
        taking = found.that_take(asked.input, wanted, budget)
        if asked.input_schema is not None:
            also = set(found.that_take_all_of(asked.input_schema, wanted, budget))
            taking = (key for key in taking if key in also)
    elif asked.input_schema is not None:
        taking = found.that_take_all_of(asked.input_schema, wanted, budget)
    if taking is None:
        if asked.output_schema is None:
            raise RequestInvalidError(
                errors=[FieldError("", "give an `input`, an `input_schema` or an `output_schema`")]
            )
        return found.that_give(asked.output_schema, wanted, budget)
    return taking if gives is None else filter(gives, taking)


def _place(wanted: Wanted, cursor: str | None) -> tuple[str | None, int]:
    """Return (after whom, how many are skipped)."""
    return (decode_cursor(cursor), 0) if wanted.text is None else (None, _skipped(cursor))


def _skipped(cursor: str | None) -> int:
    skip = decode_number(cursor) or 0
    if skip > _FARTHEST:
        raise RequestInvalidError(errors=[FieldError("/cursor", f"a ranked list goes no further than {_FARTHEST}")])
    return skip


def _next(wanted: Wanted, found: list[T], kept: list[T], skip: int, position: Callable[[T], str]) -> str | None:
    if len(found) <= len(kept):
        return None
    return encode_cursor(position(kept[-1]) if wanted.text is None else str(skip + len(kept)))
