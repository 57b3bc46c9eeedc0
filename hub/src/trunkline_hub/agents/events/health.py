"""Watches over every instance, and puts on record how agents were. On one hub of the cluster, for all."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

import msgspec
import structlog

from trunkline.protocol import subjects
from trunkline.protocol.errors import UnavailableError
from trunkline.protocol.ids import new_token
from trunkline_hub.agents import store
from trunkline_hub.agents.events.presence import PresenceListener
from trunkline_hub.agents.model.health import Patience, Watch
from trunkline_hub.agents.model.presence import SILENT, Instance, Key, Presence
from trunkline_hub.agents.service.catalogue import CHANGED
from trunkline_hub.agents.service.finding import Finder
from trunkline_hub.agents.settings import AgentsSettings
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.hubs import HubNews
from trunkline_hub.bus.probes import probe, probe_skill
from trunkline_hub.bus.signals import send
from trunkline_hub.core.component import Component
from trunkline_hub.db import Database

_log = structlog.get_logger("health")
_TICK_S = 1.0
_SOON_S = 0.05
"""What changed at once is put on record at once, and together."""
_REPEAT_S = 5.0
_PRUNE_S = 3600.0
_BATCH = 500
_MAX_TOLD = 5_000


@dataclass(frozen=True, kw_only=True)
class Eyes:
    """By what instances are watched."""

    bus: HubBus
    presence: Presence
    finder: Finder
    listener: PresenceListener
    news: HubNews


class HealthKeeper(Component):
    """Probes, judges, tells the other hubs, and is the only one that writes history."""

    name: ClassVar[str] = "health"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(
        self, settings: AgentsSettings, db: Database, eyes: Eyes, workspaces: Callable[[], Awaitable[list[str]]],
        *, heartbeat_s: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self._settings = settings
        self._db = db
        self._clock = db.clock
        self._eyes = eyes
        self._workspaces = workspaces
        self._tick_s = min(_TICK_S, heartbeat_s)
        self._patience = Patience(
            probe_s=settings.probe_s, timeout_s=settings.probe_timeout_s, late_s=settings.late_s,
            deaf_after=settings.deaf_after, heartbeat_s=heartbeat_s,
        )  # fmt: skip
        self._watches: dict[Key, Watch] = {}
        self._recorded: dict[Key, str] = {}
        """Newest state on record; the agent as a whole has no instance."""
        self._told: dict[str, dict[tuple[str, str], Any]] = {}
        self._told_at = self._pruned_at = 0.0
        self._wake = asyncio.Event()

    async def run(self) -> None:
        async with self._db.read() as tx:
            rows = await store.every_state(tx)
        self._recorded = {(row.workspace_id, row.agent, row.instance): row.state for row in rows}
        self._watches.clear()
        self._eyes.listener.on_answer = self._answered
        self._eyes.listener.on_change = self._wake.set
        self.started.set()
        while True:
            await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._tick_s):
                    await self._wake.wait()
                    await asyncio.sleep(_SOON_S)
            self._wake.clear()

    async def _look(self) -> None:
        now = self._clock.now()
        living = {key: one for key, one, state, _reason in self._eyes.presence.every(now) if state != "offline"}
        for key in self._watches.keys() - living.keys():
            del self._watches[key]
        if self._eyes.bus.bus.is_up:
            for key, one in living.items():
                self._watch(key, one, now)
            self._tell()
        try:
            await self._record(now)
            await self._prune(now)
        except UnavailableError as error:
            _log.warning("health_not_recorded", error=str(error))

    def _watch(self, key: Key, one: Instance, now: datetime) -> None:
        workspace, agent, instance = key
        known = self._eyes.finder.known(workspace)
        entry = known.entry(agent) if known else None
        if entry is None or entry.origin != "sdk":
            return
        watch = self._watches.setdefault(key, Watch(one.verdict))
        one.verdict = watch.look(one, now, self._patience)
        if not watch.is_due(one, now, self._patience):
            return
        number = new_token(6)
        probe(self._eyes.bus, workspace, agent, instance, number)
        watch.sent(number, "", now)
        skill = watch.next_skill(list(entry.skills))
        if skill is not None and one.said != "draining":
            probe_skill(self._eyes.bus, workspace, agent, instance, skill, f"{number}s")
            watch.sent(f"{number}s", skill, now)

    def _answered(self, key: Key, number: str, now: datetime) -> None:
        watch = self._watches.get(key)
        if watch is not None:
            watch.answered(number, now, self._patience)

    def _tell(self) -> None:
        """Tell the other hubs what is wrong: at once when it changes, and again for those who begin to listen."""
        found: dict[str, dict[tuple[str, str], Any]] = defaultdict(dict)
        for (workspace, agent, instance), watch in self._watches.items():
            if watch.verdict is not None and len(found[workspace]) < _MAX_TOLD:
                found[workspace][agent, instance] = watch.verdict
        again = asyncio.get_running_loop().time() - self._told_at > _REPEAT_S
        for workspace in {key[0] for key in self._watches} | self._told.keys():
            verdicts = found.get(workspace, {})
            if again or verdicts != self._told.get(workspace, {}):
                body = [(*where, verdict.state, verdict.reason) for where, verdict in verdicts.items()]
                send(self._eyes.bus, subjects.verdicts(workspace), msgspec.json.encode(body))
        self._told = dict(found)
        if again:
            self._told_at = asyncio.get_running_loop().time()

    async def _record(self, now: datetime) -> None:
        changed: dict[str, list[tuple[Key, str, str]]] = defaultdict(list)
        for key, state, reason in self._present(now):
            before = self._recorded.get(key, "offline")
            known = self._eyes.finder.known(key[0])
            if state not in {before, "unknown"} and known is not None and known.entry(key[1]) is not None:
                changed[key[0]].append((key, state, reason))
        for workspace, entries in changed.items():
            for start in range(0, len(entries), _BATCH):
                await self._write(workspace, entries[start : start + _BATCH])
        if changed:
            await self._eyes.news.announce(CHANGED)

    def _present(self, now: datetime) -> list[tuple[Key, str, str]]:
        """Return how every instance and agent is that was heard of, or is on record as being there."""
        presence = self._eyes.presence
        found: dict[Key, tuple[str, str]] = {}
        for key, _one, state, reason in presence.every(now):
            found[key] = (state, reason)
            agent = (key[0], key[1], "")
            if agent not in found:
                found[agent] = presence.health(key[0], key[1], now)
        if now >= presence.grace_until:
            for key, state in self._recorded.items():
                if state != "offline" and key not in found:
                    found[key] = ("offline", SILENT)
        return [(key, state, reason) for key, (state, reason) in found.items()]

    async def _write(self, workspace: str, entries: list[tuple[Key, str, str]]) -> None:
        now = self._clock.now()
        rows = [
            {"agent": agent, "instance": instance, "state": state, "reason": reason, "since": now}
            for (_, agent, instance), state, reason in entries
            if not instance or state != "offline"
        ]
        gone = [(agent, instance) for (_, agent, instance), state, _ in entries if instance and state == "offline"]
        changes = [
            {"change": "state", "agent": agent, "instance": instance, "state": state, "reason": reason}
            for (_, agent, instance), state, reason in entries
        ]
        async with self._db.write() as tx:
            await store.put_states(tx, workspace, rows, gone)
            await store.add_changes(tx, workspace, changes)
        for key, state, _reason in entries:
            if key[2] and state == "offline":
                self._recorded.pop(key, None)
            else:
                self._recorded[key] = state

    async def _prune(self, now: datetime) -> None:
        moment = asyncio.get_running_loop().time()
        if self._pruned_at and moment - self._pruned_at < _PRUNE_S:
            return
        self._pruned_at = moment
        older_than = now - timedelta(seconds=self._settings.history_max_age_s)
        for workspace in await self._workspaces():
            async with self._db.write() as tx:
                await store.forget_changes(tx, workspace, keep=self._settings.history, older_than=older_than)
