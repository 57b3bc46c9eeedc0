"""Connections to upstreams, whose tools are served on the bus as skills."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ClassVar

from trunkline.protocol.errors import McpCommandRefusedError, McpUpstreamUnavailableError, TaskNeededError
from trunkline.protocol.resources import McpUpstreamDeclaration
from trunkline.tasks import Tasks
from trunkline_hub.bus.host import CallInfo, Hosted, SkillHost
from trunkline_hub.core.component import Component
from trunkline_hub.core.rounds import rounds
from trunkline_hub.db import Database
from trunkline_hub.gateways.mcp import model, store
from trunkline_hub.gateways.mcp.model import Offer, OfferedTool
from trunkline_hub.gateways.mcp.model.asked import Answers, Asked
from trunkline_hub.gateways.mcp.ports import Link, Report
from trunkline_hub.gateways.mcp.providers import load
from trunkline_hub.gateways.mcp.service import Upstreams
from trunkline_hub.gateways.mcp.settings import McpSettings
from trunkline_hub.outbound import Outbound

_ROUND_S = 30.0
"""How often the list of upstreams is read, should news of a change be lost."""
Key = tuple[str, str]
Adopt = Callable[[str, Any, CallInfo], Awaitable[str]]
"""(upstream, payload, call) → the task that the call becomes, because the tool asks back."""


class SdkDialer:
    """Connects through the library, which is loaded at the first use."""

    def __init__(self, outbound: Outbound, settings: McpSettings) -> None:
        self._outbound = outbound
        self._settings = settings

    async def look(self, wanted: McpUpstreamDeclaration) -> Offer:
        """Connect once and return what the server brings."""
        provider = await load("upstream")
        found: Offer = await provider.look(wanted, self._outbound.guard, self._settings)
        return found

    async def link(self, wanted: McpUpstreamDeclaration, on_offer: Callable[[Offer], Awaitable[None]]) -> Link:
        """Return a connection, not yet open."""
        try:
            model.check_command(wanted, self._settings.stdio_commands)
        except McpCommandRefusedError as error:
            return _Refused(error)
        provider = await load("upstream")
        made: Link = provider.UpstreamLink(wanted, self._outbound.guard, self._settings, on_offer)
        return made


class _Refused:
    """Stands for a connection that settings do not allow any more."""

    state = "failing"

    def __init__(self, error: McpCommandRefusedError) -> None:
        self.detail = error.detail
        self._error = error

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def call_tool(
        self, _name: str, _arguments: dict[str, Any], _report: Report, _timeout_s: float,
        _answers: Answers | None = None,
    ) -> Any:  # fmt: skip
        raise self._error

    def refresh(self) -> None:
        """There is nothing to be read."""


class _Running:
    """One upstream on this hub."""

    def __init__(self, wanted: McpUpstreamDeclaration, link: Link, task: "asyncio.Task[None]") -> None:
        self.wanted = wanted
        self.link = link
        self.task = task
        self.tools: dict[str, OfferedTool] = {}


class UpstreamRunner(Component):
    """Keeps every upstream connected, and its skills on the bus."""

    name: ClassVar[str] = "mcp-upstreams"

    def __init__(self, db: Database, upstreams: Upstreams, dialer: SdkDialer, host: SkillHost, adopt: Adopt) -> None:
        super().__init__()
        self._db = db
        self._adopt = adopt
        self._upstreams = upstreams
        self._dialer = dialer
        self._host = host
        self._running: dict[Key, _Running] = {}
        self._changed = asyncio.Event()
        self._tasks = Tasks()

    async def run(self) -> None:
        self.started.set()
        try:
            async for _ in rounds(self._changed, _ROUND_S):
                await self._converge()
        finally:
            await self._tasks.close()
            self._running.clear()

    async def on_change(self) -> None:
        self._changed.set()

    def link(self, workspace: str, name: str, skill: str) -> tuple[Link, str]:
        """Return this hub's connection to an upstream, and the tool that a skill is there.

        Raises:
            McpUpstreamUnavailableError: it has none (yet), or no such tool (any more).
        """
        running = self._running.get((workspace, name))
        if running is None or skill not in running.tools:
            raise McpUpstreamUnavailableError(f"{name!r} is not connected, or does not offer {skill!r}")
        return running.link, running.tools[skill].name

    def state(self, workspace: str, name: str) -> tuple[str, str]:
        """Return how this hub's connection to an upstream is, and what ails it."""
        running = self._running.get((workspace, name))
        return (running.link.state, running.link.detail) if running else ("new", "")

    def warning(self) -> str | None:
        failing = [name for (_workspace, name), one in self._running.items() if one.link.state == "failing"]
        return f"not connected: {', '.join(sorted(failing))}" if failing else None

    async def _converge(self) -> None:
        async with self._db.read() as tx:
            rows = {(row.workspace_id, row.name): row for row in await store.every_upstream(tx)}
        for key in self._running.keys() - rows.keys():
            await self._end(key)
        for key, row in rows.items():
            wanted = store.declaration(row)
            known = self._running.get(key)
            if known is not None and known.wanted != wanted:
                await self._end(key)
                known = None
            if known is None:
                known = await self._begin(key, wanted)
            await self._serve(key, known, store.offer(row))

    async def _begin(self, key: Key, wanted: McpUpstreamDeclaration) -> _Running:
        async def on_offer(found: Offer) -> None:
            counts = await self._upstreams.learn(*key, found)
            known = self._running.get(key)
            if known is not None:
                await self._serve(key, known, counts)

        link = await self._dialer.link(wanted, on_offer)
        task = self._tasks.spawn(link.run(), name=f"mcp-upstream-{key[1]}")
        running = self._running[key] = _Running(wanted, link, task)
        return running

    async def _serve(self, key: Key, running: _Running, offer: Offer) -> None:
        prefix = f"{key[1]}." if running.wanted.prefix is None else running.wanted.prefix
        tools = model.skills_of(offer.tools, prefix)
        if tools == running.tools and tools:
            return
        running.tools = tools
        answer = partial(self._answer, key)
        hosted = Hosted(
            workspace=key[0], agent=key[1], version=offer.version or "0.0.0", skills=frozenset(tools), answer=answer
        )
        await self._host.serve(hosted)

    async def _end(self, key: Key) -> None:
        running = self._running.pop(key)
        await self._host.withdraw(*key)
        running.task.cancel()
        await asyncio.wait([running.task], timeout=5)

    async def _answer(self, key: Key, skill: str, payload: Any, call: CallInfo) -> Any:
        link, tool = self.link(*key, skill)
        found = await link.call_tool(tool, model.arguments_of(payload), call.report, call.timeout_s)
        if not isinstance(found, Asked):
            return found
        task_id = await self._adopt(key[1], payload, call)
        raise TaskNeededError(f"The tool asks: {found.text}; answer the task {task_id}")
