"""Where tools are listed, found and called: MCP's side of the catalogue and the bus."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
import msgspec

from trunkline.payloads import Codec
from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import (
    AgentOfflineError,
    AgentUnknownError,
    FieldError,
    PayloadInvalidError,
    PayloadTooLargeError,
    SkillSchemaInvalidError,
    pointer,
)
from trunkline.protocol.trace import current_traceparent
from trunkline_hub.agents import Agents
from trunkline_hub.bus.signals import HubCalls, NobodyThereError
from trunkline_hub.core.permission import allows
from trunkline_hub.core.principal import Principal
from trunkline_hub.core.retrieval import no_retrieval
from trunkline_hub.db import Database
from trunkline_hub.gateways.mcp import model
from trunkline_hub.gateways.mcp.model import Tool
from trunkline_hub.gateways.mcp.ports import Report
from trunkline_hub.gateways.mcp.service.toolsets import Toolsets
from trunkline_hub.gateways.mcp.settings import McpSettings
from trunkline_hub.schemas import EventTypes

_ANY = Codec(Any)
_FRESH_S = 0.5
_MOST_PROBLEMS = 20
_PAGE = 500
_SCHEMAS = "event_types:read"


@dataclass(frozen=True)
class Mount:
    """What a client sees: a workspace, one of its agents, or a toolset; and who it is."""

    principal: Principal
    workspace: str
    agent: str | None = None
    toolset: str | None = None

    @property
    def place(self) -> str:
        return f"{self.workspace}/{self.agent or ''}?{self.toolset or ''}"


class _Offered:
    """Skills as they are offered: tools, or prompts."""

    def __init__(self, skills: Iterable[Tool] = ()) -> None:
        self.skills = tuple(skills)
        self.tools = [skill for skill in self.skills if not skill.prompt]
        self.prompts = [skill for skill in self.skills if skill.prompt]
        self.by_name = {tool.name: tool for tool in self.tools}


@dataclass
class _Shelf:
    """A workspace's skills as they were read last."""

    mark: object = None
    checked_at: float = -1.0
    whole: _Offered = field(default_factory=_Offered)
    of_agent: dict[str, _Offered] = field(default_factory=dict)
    validators: dict[str, Any] = field(default_factory=dict)


class Desk:
    """Lists, finds and calls tools."""

    def __init__(
        self,
        settings: McpSettings,
        db: Database,
        calls: HubCalls,
        agents: Agents,
        toolsets: Toolsets,
        types: EventTypes,
    ) -> None:
        self.settings = settings
        self._db = db
        self._calls = calls
        self._agents = agents
        self._toolsets = toolsets
        self._types = types
        self._shelves: dict[str, _Shelf] = {}
        self._reading = asyncio.Lock()

    async def tools(self, mount: Mount) -> Sequence[Tool]:
        """Return all tools in reach of a mount.

        Raises:
            AgentUnknownError, ToolsetUnknownError
        """
        shelf = await self._shelf(mount.workspace, fresh=True)
        return await self._narrowed(mount, self._of(shelf, mount).tools)

    async def prompts(self, mount: Mount) -> Sequence[Tool]:
        """Return all prompts in reach of a mount.

        Raises:
            AgentUnknownError, ToolsetUnknownError
        """
        shelf = await self._shelf(mount.workspace, fresh=True)
        return await self._narrowed(mount, self._of(shelf, mount).prompts)

    async def tool(self, mount: Mount, name: str) -> Tool | None:
        """Return the tool of this name in reach of a mount, or None."""
        if mount.toolset is None:
            shelf = await self._shelf(mount.workspace)
            if not self._holds(shelf, mount, name):
                shelf = await self._shelf(mount.workspace, fresh=True)
            return self._of(shelf, mount).by_name.get(name)
        return next((tool for tool in await self.tools(mount) if tool.name == name), None)

    async def tool_of(self, mount: Mount, skill: str, agent: str) -> Tool:
        """Return the tool that a skill is, or was: what came of a task is told even if its skill has gone."""
        shelf = await self._shelf(mount.workspace)
        mine = [tool for tool in shelf.whole.skills if tool.skill == skill and tool.agent in {None, agent}]
        return mine[0] if mine else Tool(name=skill, skill=skill, agent=agent, offered_by=(agent,))

    async def search(self, mount: Mount, query: str, limit: int) -> Sequence[Tool]:
        """Return the tools that fit a query best."""
        return model.ranked(await self.tools(mount), query, limit)

    async def call(self, mount: Mount, tool: Tool, arguments: dict[str, Any] | None, report: Report) -> Any:
        """Call a tool's skill and return its output; a cancel reaches the callee.

        Raises:
            PayloadInvalidError, AgentOfflineError, CallTimeoutError, CallFailedError, BusUnavailableError
        """
        payload = model.as_arguments(tool, arguments)
        self._validate((await self._shelf(mount.workspace)).validators, tool, payload)
        caller = mount.principal.name
        request = ce.new_envelope(
            type=f"call.{tool.skill}", source=f"/{mount.workspace}/{caller}", data=msgspec.json.encode(payload),
            traceparent=current_traceparent.get(),
        )  # fmt: skip
        agent = mount.agent or tool.agent
        try:
            reply = await self._calls.call(
                mount.workspace, caller, tool.skill, agent, request, timeout_s=self.settings.call_timeout_s,
                on_progress=report,
            )  # fmt: skip
        except NobodyThereError:
            raise AgentOfflineError(
                f"{', '.join(tool.offered_by)} offers {tool.skill!r} but is not connected"
            ) from None
        if reply.dataref:
            raise PayloadTooLargeError(f"The result of {tool.name!r} is too large for a message: {reply.dataref}")
        return _ANY.read(reply)

    async def event_types(self, mount: Mount, after: str | None) -> tuple[list[Any], str | None]:
        """Return a page of the event types whose schemas the caller may read."""
        if mount.agent is not None or not allows(mount.principal.scopes, _SCHEMAS):
            return [], None
        async with self._db.read() as tx:
            page = await self._types.page(tx, mount.workspace, {}, cursor=after, limit=_PAGE)
        return page.items, page.next

    async def event_schema(self, mount: Mount, name: str) -> Any:
        """Return an event type's newest schema, or None where it may not be read or has none.

        Raises:
            EventTypeUnknownError
        """
        if mount.agent is not None or not allows(mount.principal.scopes, _SCHEMAS):
            return None
        async with self._db.read() as tx:
            return (await self._types.get(tx, mount.workspace, name))[1]

    async def _shelf(self, workspace: str, *, fresh: bool = False) -> _Shelf:
        """Return a workspace's tools: as they are now, or were a moment ago."""
        shelf = self._shelves.setdefault(workspace, _Shelf())
        asked_at = time.monotonic()
        if not fresh and asked_at - shelf.checked_at <= _FRESH_S:
            return shelf
        async with self._reading:
            if shelf.checked_at < asked_at:
                await self._read(workspace, shelf)
        return shelf

    def _holds(self, shelf: _Shelf, mount: Mount, name: str) -> bool:
        if mount.agent is None:
            return name in shelf.whole.by_name
        return mount.agent in shelf.of_agent and name in shelf.of_agent[mount.agent].by_name

    async def _read(self, workspace: str, shelf: _Shelf) -> None:
        began = time.monotonic()
        async with self._db.read() as tx:
            mark = await self._agents.mark(tx, workspace)
            if mark != shelf.mark:
                agents = await self._agents.every(tx, workspace)
                shelf.whole = _Offered(model.tools_of(agents))
                shelf.of_agent = {agent.name: _Offered(model.tools_of([agent])) for agent in agents}
                shelf.validators = {}
                shelf.mark = mark
        shelf.checked_at = began

    async def _narrowed(self, mount: Mount, found: Sequence[Tool]) -> Sequence[Tool]:
        """Return those of them that the mount's toolset names, if it has one."""
        if mount.toolset is None:
            return found
        async with self._db.read() as tx:
            wanted = (await self._toolsets.get(tx, mount.workspace, mount.toolset)).declaration
        return model.chosen(found, wanted)

    def _of(self, shelf: _Shelf, mount: Mount) -> _Offered:
        if mount.agent is None:
            return shelf.whole
        if mount.agent not in shelf.of_agent:
            raise AgentUnknownError(f"There is no agent {mount.agent!r} in workspace {mount.workspace!r}")
        return shelf.of_agent[mount.agent]

    async def mark(self, workspace: str) -> object:
        """Return what changes whenever the tools of a workspace do."""
        return (await self._shelf(workspace)).mark

    def _validate(self, validators: dict[str, Any], tool: Tool, payload: Any) -> None:
        if tool.declared_input is None:
            return
        key = f"{tool.agent or ''}/{tool.name}/{id(tool)}"
        validator = validators.get(key)
        if validator is None:
            validator = validators[key] = _validator(tool)
        if validator.is_valid(payload):
            return
        problems = [FieldError(pointer(error.instance_path), error.message) for error in validator.iter_errors(payload)]
        raise PayloadInvalidError(errors=problems[:_MOST_PROBLEMS])


def _validator(tool: Tool) -> Any:
    try:
        return jsonschema_rs.validator_for(dict(tool.declared_input or {}), retriever=no_retrieval)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise SkillSchemaInvalidError(f"The schema of {tool.skill!r} is not valid JSON Schema: {error}") from None
