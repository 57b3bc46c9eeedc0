"""MCP servers that the hub uses: looked at, added, refreshed, removed."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from trunkline.protocol.errors import McpUpstreamExistsError, McpUpstreamUnknownError
from trunkline.protocol.resources import McpOffer, McpTool, McpUpstream, McpUpstreamDeclaration, McpUpstreamPage
from trunkline.protocol.subjects import HUB
from trunkline_hub.agents import Agents
from trunkline_hub.audit import Audit
from trunkline_hub.core.clock import rfc3339, rfc3339_or_none
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.core.principal import Principal, ordered_by
from trunkline_hub.db import Database, Tx
from trunkline_hub.gateways.mcp import model, store
from trunkline_hub.gateways.mcp.model import Offer
from trunkline_hub.gateways.mcp.ports import Dialer
from trunkline_hub.gateways.mcp.settings import McpSettings

_log = structlog.get_logger("mcp")
_ORIGIN = "mcp"
States = Callable[[str, str], tuple[str, str]]
"""(workspace, name) → how this hub's connection is, and what ails it."""


class Upstreams:
    """The upstreams of all workspaces."""

    def __init__(self, settings: McpSettings, db: Database, audit: Audit, agents: Agents, dialer: Dialer) -> None:
        self.states: States = lambda _workspace, _name: ("new", "")
        """How connections are; filled by the feature."""
        self.on_change: Callable[[], Awaitable[None]] | None = None
        """Tells all hubs that the list changed; filled by the feature."""
        self._settings = settings
        self._db = db
        self._audit = audit
        self._agents = agents
        self._dialer = dialer

    async def preview(self, name: str, wanted: McpUpstreamDeclaration) -> McpOffer:
        """Connect once and tell what the server would bring; nothing is stored.

        Raises:
            RequestInvalidError, McpCommandRefusedError, McpUpstreamBrokenError, OutboundErrors
        """
        return _offer(await self._look(name, wanted), _prefix(name, wanted))

    async def add(self, by: Principal, workspace: str, name: str, wanted: McpUpstreamDeclaration) -> McpUpstream:
        """Take an MCP server into the catalogue: its tools become skills of an agent of this name.

        Raises:
            McpUpstreamExistsError, RequestInvalidError, McpCommandRefusedError, McpUpstreamBrokenError, OutboundErrors
        """
        found = await self._look(name, wanted)
        async with self._db.write() as tx:
            if name in {agent.name for agent in await self._agents.every(tx, workspace)}:
                raise McpUpstreamExistsError(f"There is an agent {name!r} in workspace {workspace!r} already")
            await store.add_upstream(tx, workspace, name, wanted, found, by.name)
            await self._import(tx, by, workspace, name, wanted, found)
            where = {"transport": wanted.transport, "url": wanted.url, "command": wanted.command[:1]}
            await self._audit.record(tx, workspace, by.name, "mcp_upstream.added", f"mcp_upstream/{name}", **where)
            self._tell(tx)
        async with self._db.read() as tx:
            return await self.get(tx, workspace, name)

    async def refresh(self, by: Principal, workspace: str, name: str) -> McpUpstream:
        """Read an upstream's offer anew, now.

        Raises:
            McpUpstreamUnknownError, McpUpstreamBrokenError, OutboundErrors
        """
        async with self._db.read() as tx:
            row = await self._row(tx, workspace, name)
        wanted = store.declaration(row)
        found = await self._look(name, wanted)
        async with self._db.write() as tx:
            news = await self._renew(tx, by, row, found)
            await self._audit.record(
                tx, workspace, by.name, "mcp_upstream.refreshed", f"mcp_upstream/{name}", changes=news
            )
        async with self._db.read() as tx:
            return await self.get(tx, workspace, name)

    async def learn(self, workspace: str, name: str, found: Offer) -> Offer:
        """Write down what a connected upstream offers now, if that is news; returns the offer that counts."""
        async with self._db.read() as tx:
            row = await store.get(tx, store.upstreams, workspace, name)
        if row is None or _latest(row) == found:
            return found if row is None else store.offer(row)
        async with self._db.write() as tx:
            news = await self._renew(tx, ordered_by(row.created_by, workspace), row, found)
            await self._audit.record(tx, workspace, HUB, "mcp_upstream.changed", f"mcp_upstream/{name}", changes=news)
        return store.offer(row) if self._waits(store.offer(row), found) else found

    async def approve(self, by: Principal, workspace: str, name: str) -> McpUpstream:
        """Take over what an upstream offers now.

        Raises:
            McpUpstreamUnknownError
        """
        async with self._db.write() as tx:
            row = await self._row(tx, workspace, name)
            found = store.found(row)
            news = {} if found is None else model.news_of(store.offer(row), found)
            if found is not None:
                await self._take_over(tx, by, row, found)
            await self._audit.record(
                tx, workspace, by.name, "mcp_upstream.approved", f"mcp_upstream/{name}", changes=news
            )
        async with self._db.read() as tx:
            return await self.get(tx, workspace, name)

    async def remove(self, tx: Tx, by: Principal, workspace: str, name: str) -> None:
        """Take an upstream and its agent out of the catalogue.

        Raises:
            McpUpstreamUnknownError
        """
        await self._row(tx, workspace, name)
        await store.remove(tx, store.upstreams, workspace, name)
        if name in {agent.name for agent in await self._agents.every(tx, workspace)}:
            await self._agents.remove(tx, by, workspace, name)
        await self._audit.record(tx, workspace, by.name, "mcp_upstream.removed", f"mcp_upstream/{name}")
        self._tell(tx)

    async def get(self, tx: Tx, workspace: str, name: str) -> McpUpstream:
        """Return one upstream.

        Raises:
            McpUpstreamUnknownError
        """
        return self._upstream(await self._row(tx, workspace, name))

    async def page(self, tx: Tx, workspace: str, *, cursor: str | None, limit: int) -> McpUpstreamPage:
        """Return upstreams by name."""
        rows = await store.page(tx, store.upstreams, workspace, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.name))
        return McpUpstreamPage(items=[self._upstream(row) for row in kept], next=after)

    async def target(self, workspace: str, name: str) -> tuple[McpUpstreamDeclaration, Offer]:
        """Return how to reach an upstream, credentials included, and what it offers.

        Raises:
            McpUpstreamUnknownError
            McpCommandRefusedError: settings allow its command no longer.
        """
        async with self._db.read() as tx:
            row = await self._row(tx, workspace, name)
        wanted = store.declaration(row)
        model.check_command(wanted, self._settings.stdio_commands)
        return wanted, store.offer(row)

    async def _look(self, name: str, wanted: McpUpstreamDeclaration) -> Offer:
        model.check_upstream(name, wanted, self._settings.stdio_commands)
        return await self._dialer.look(wanted)

    async def _import(
        self, tx: Tx, by: Principal, workspace: str, name: str, wanted: McpUpstreamDeclaration, found: Offer
    ) -> None:
        url = wanted.url or " ".join(wanted.command[:1])
        made = model.as_registration(found, _prefix(name, wanted), url, wanted.description, wanted.transport)
        await self._agents.import_agent(tx, by, workspace, name, made, origin=_ORIGIN, origin_url=url)

    async def _renew(self, tx: Tx, by: Principal, row: Any, found: Offer) -> dict[str, list[str]]:
        """Take over what an upstream offers now, or keep it for approval; returns what is new, which is told as a fact."""
        waits = self._waits(store.offer(row), found)
        if waits:
            await store.set_offer(tx, row.workspace_id, row.name, found, waits=True)
        else:
            await self._take_over(tx, by, row, found)
        news = model.news_of(_latest(row), found)
        if news:
            fact = {"upstream": row.name, "waits": waits, **news}
            await tx.emit(row.workspace_id, "trunkline.mcp_upstream.changed", fact, subject=row.name)
            _log.warning("mcp_upstream_changed", workspace=row.workspace_id, upstream=row.name, waits=waits, **news)
        return news

    async def _take_over(self, tx: Tx, by: Principal, row: Any, found: Offer) -> None:
        await store.set_offer(tx, row.workspace_id, row.name, found)
        await self._import(tx, by, row.workspace_id, row.name, store.declaration(row), found)
        self._tell(tx)

    def _waits(self, approved: Offer, found: Offer) -> bool:
        return self._settings.approve_changes and bool(model.changes_of(approved, found))

    async def _row(self, tx: Tx, workspace: str, name: str) -> Any:
        row = await store.get(tx, store.upstreams, workspace, name)
        if row is None:
            raise McpUpstreamUnknownError(f"There is no MCP upstream {name!r} in workspace {workspace!r}")
        return row

    def _tell(self, tx: Tx) -> None:
        if self.on_change is not None:
            tx.after_commit(self.on_change)

    def _upstream(self, row: Any) -> McpUpstream:
        wanted, found, waiting = store.declaration(row), store.offer(row), store.found(row)
        state, detail = self.states(row.workspace_id, row.name)
        return McpUpstream(
            name=row.name, transport=wanted.transport, url=wanted.url, command=wanted.command,
            header_names=sorted(wanted.headers), env_names=sorted(wanted.env), prefix=_prefix(row.name, wanted),
            description=wanted.description, state=state, detail=detail, server=found.server,  # type: ignore[arg-type]
            version=found.version, versions=found.versions, tools=len(found.tools), created_by=row.created_by,
            created_at=rfc3339(row.created_at), refreshed_at=rfc3339_or_none(row.refreshed_at),
            changes=[] if waiting is None else model.changes_of(found, waiting),
        )  # fmt: skip


def _latest(row: Any) -> Offer:
    """Return what an upstream was last seen to offer."""
    return store.found(row) or store.offer(row)


def _prefix(name: str, wanted: McpUpstreamDeclaration) -> str:
    return f"{name}." if wanted.prefix is None else wanted.prefix


def _offer(found: Offer, prefix: str) -> McpOffer:
    tools = [
        McpTool(
            name=tool.name, skill=skill, title=tool.title, description=tool.description,
            input_schema=tool.input_schema, output_schema=tool.output_schema,
        )
        for skill, tool in model.skills_of(found.tools, prefix).items()
    ]  # fmt: skip
    return McpOffer(
        server=found.server, version=found.version, instructions=found.instructions, versions=found.versions,
        tools=tools, resources=found.resources, templates=found.templates, prompts=found.prompts,
        completion=found.completion,
    )  # fmt: skip
