"""The processes behind stdio upstreams that are passed through on this hub."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, ClassVar

from litestar.types import Receive, Scope, Send

from trunkline.protocol.resources import McpUpstreamDeclaration
from trunkline.tasks import Tasks
from trunkline_hub.core.component import Component
from trunkline_hub.core.rounds import rounds
from trunkline_hub.db import Database
from trunkline_hub.gateways.mcp import store
from trunkline_hub.gateways.mcp.providers import load
from trunkline_hub.gateways.mcp.service import Seal
from trunkline_hub.gateways.mcp.settings import McpSettings

_ROUND_S = 30.0
"""How often the list of upstreams is read, should news of a change be lost."""
Key = tuple[str, str]


@dataclass
class _Running:
    wanted: McpUpstreamDeclaration
    bridge: Any
    up: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None


class StdioUpstreams(Component):
    """Passes stdio upstreams through; those that are removed or changed end with their processes."""

    name: ClassVar[str] = "mcp-stdio"

    def __init__(self, settings: McpSettings, db: Database, *, max_body_bytes: int) -> None:
        super().__init__()
        self._settings = settings
        self._db = db
        self._max_body_bytes = max_body_bytes
        self._running: dict[Key, _Running] = {}
        self._changed = asyncio.Event()
        self._tasks = Tasks()

    async def run(self) -> None:
        self.started.set()
        try:
            async for _ in rounds(self._changed, _ROUND_S):
                await self._end_what_is_gone()
        finally:
            self._running.clear()
            await self._tasks.close(timeout_s=10.0)

    async def on_change(self) -> None:
        self._changed.set()

    async def serve(
        self, key: Key, wanted: McpUpstreamDeclaration, owner: str, seal: Seal, scope: Scope, receive: Receive,
        send: Send,
    ) -> None:  # fmt: skip
        """Serve one HTTP request at an upstream's mount, for a principal."""
        running = self._running.get(key)
        if running is None or running.wanted != wanted or running.task is None or running.task.done():
            running = await self._begin(key, wanted)
        await running.up.wait()
        await running.bridge.serve(owner, seal, scope, receive, send)

    async def _begin(self, key: Key, wanted: McpUpstreamDeclaration) -> _Running:
        provider = await load("bridge")
        before = self._running.get(key)
        if before is not None and before.wanted == wanted and before.task is not None and not before.task.done():
            return before  # another request was quicker
        made = provider.Bridge(wanted, self._settings, self._has_room, max_body_bytes=self._max_body_bytes)
        running = self._running[key] = _Running(wanted, made)
        running.task = self._tasks.spawn(self._keep(running), name=f"mcp-stdio-{key[1]}")
        if before is not None and before.task is not None:
            before.task.cancel()
        return running

    async def _keep(self, running: _Running) -> None:
        async with running.bridge.running():
            running.up.set()
            await asyncio.Event().wait()

    def _has_room(self) -> bool:
        running: int = sum(one.bridge.processes for one in self._running.values())
        return running < self._settings.max_processes

    async def _end_what_is_gone(self) -> None:
        if not self._running:
            return
        async with self._db.read() as tx:
            wanted = {(row.workspace_id, row.name): store.declaration(row) for row in await store.every_upstream(tx)}
        for key, running in [*self._running.items()]:
            if wanted.get(key) != running.wanted:
                del self._running[key]
                if running.task is not None:
                    running.task.cancel()
