"""Serves mounts through the library's own server: it judges envelopes, headers and sessions of both eras."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import mcp_types as types
from litestar.types import Receive, Scope, Send
from mcp import MCPError
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, PromptsListChanged, ToolsListChanged

from trunkline.protocol.errors import TaskNeededError, TrunklineError, UnavailableError
from trunkline.protocol.frames import Progress
from trunkline.tasks import Tasks
from trunkline_hub import __version__
from trunkline_hub.gateways.mcp.model import Tool
from trunkline_hub.gateways.mcp.model.forms import missing_form
from trunkline_hub.gateways.mcp.ports import Report, unheard
from trunkline_hub.gateways.mcp.providers.server.asking import completed
from trunkline_hub.gateways.mcp.providers.server.errors import as_protocol_errors, protocol_error
from trunkline_hub.gateways.mcp.providers.server.pages import page_of
from trunkline_hub.gateways.mcp.providers.server.prompts import Prompts
from trunkline_hub.gateways.mcp.providers.server.quick import Outcome, QuickLane
from trunkline_hub.gateways.mcp.providers.server.resources import Resources
from trunkline_hub.gateways.mcp.providers.server.results import as_failure, as_result, as_tool, found_tools
from trunkline_hub.gateways.mcp.providers.server.search import CALL, SEARCH, SEARCH_TOOLS
from trunkline_hub.gateways.mcp.providers.server.tasks import TaskMethods, knows_tasks, task_needed
from trunkline_hub.gateways.mcp.service import Mount, Work

_MOUNT = "trunkline.mount"
_FRESH_MS = 2000
_WATCH_S = 2.0
_Context = ServerRequestContext[Any, Any]


class SkillServer:
    """All mounts of this hub; sessions of the 2025 era live here, and end with it."""

    def __init__(self, work: Work, *, max_body_bytes: int) -> None:
        self._desk = work.desk
        self._resources = Resources(work)
        self._prompts = Prompts(work.desk, self._enter)
        self._news: dict[str, tuple[InMemorySubscriptionBus, ListenHandler]] = {}
        self._sessions: dict[str, tuple[str, Any]] = {}
        """Session id to its workspace, and the way to send it news."""
        self._marks: dict[str, object] = {}
        """How the tools of a workspace were when its clients heard of them last."""
        self._tasks = Tasks()
        self._server = self._build()
        self._long = TaskMethods(work, self._enter, self._tasks)
        self._long.register(self._server)
        self._quick = QuickLane(self._server.server_info_stamp, self._tasks, max_body_bytes=max_body_bytes)
        self._manager = StreamableHTTPSessionManager(
            self._server, max_request_body_size=max_body_bytes, max_sessions=work.desk.settings.max_sessions
        )

    def _build(self) -> Server[Any]:
        hint = CacheHint(ttl_ms=_FRESH_MS, scope="private")
        server: Server[Any] = Server(
            "trunkline", version=__version__, title="Trunkline",
            instructions="The tools are skills of agents. With many of them, find the right one by search_tools.",
            cache_hints={"tools/list": hint, "resources/list": hint, "prompts/list": hint},
            get_tool_input_schema=lambda _name: None,
            on_list_tools=self._list_tools, on_call_tool=self._call_tool, on_list_resources=self._list_resources,
            on_read_resource=self._read_resource, on_list_resource_templates=self._list_templates,
            on_subscriptions_listen=self._listen, on_list_prompts=self._prompts.page, on_get_prompt=self._prompts.get,
            on_completion=self._prompts.complete,
        )  # fmt: skip
        plain = server.create_initialization_options

        def with_news(*_args: Any, **options: Any) -> Any:
            return plain(NotificationOptions(tools_changed=True, prompts_changed=True), **options)

        server.create_initialization_options = with_news  # type: ignore[method-assign]
        return server

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve until the block ends."""
        async with self._manager.run():
            self._tasks.spawn(self._watch(), name="mcp-news")
            try:
                yield
            finally:
                for _bus, listeners in self._news.values():
                    listeners.close()
                await self._tasks.close()

    async def serve(self, mount: Mount, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request at a mount; a session belongs to the principal and mount that opened it."""
        onward = await self._quick.serve(partial(self._call_plainly, mount), scope, receive, send)
        if onward is None:
            return
        owner = f"{mount.principal.name}@{mount.place}"
        user = AuthenticatedUser(AccessToken(token="", client_id=owner, scopes=[]))  # noqa: S106 -- none is passed on
        headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        own: Any = {**scope, "user": user, "headers": headers, _MOUNT: mount}
        await self._manager.handle_request(own, onward, send)  # type: ignore[arg-type]

    async def _list_tools(self, ctx: _Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        mount = self._enter(ctx)
        with as_protocol_errors():
            tools = await self._desk.tools(mount)
            self._marks.setdefault(mount.workspace, await self._desk.mark(mount.workspace))
        if len(tools) > self._desk.settings.tools_listed:
            return types.ListToolsResult(tools=list(SEARCH_TOOLS))
        shown, onward = page_of(tools, params.cursor if params else None)
        return types.ListToolsResult(tools=[as_tool(tool) for tool in shown], next_cursor=onward)

    async def _call_tool(self, ctx: _Context, params: types.CallToolRequestParams) -> Any:
        mount = self._enter(ctx)
        name, arguments = params.name, params.arguments
        with as_protocol_errors():
            tool = await self._desk.tool(mount, name)
            if tool is None and name == SEARCH:
                return await self._search(mount, arguments or {})
            if tool is None and name == CALL:
                name, arguments = str((arguments or {}).get("name")), (arguments or {}).get("arguments")
                tool = await self._desk.tool(mount, name)
        if tool is None or not isinstance(arguments, dict | None):
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {name}")
        arguments, asked = await completed(ctx, params, tool, arguments)
        if asked is not None:
            return asked
        if tool.task and knows_tasks(ctx):
            return await self._begin(mount, tool, arguments)
        return types.CallToolResult.model_validate(await self._run(ctx, mount, tool, arguments))

    async def _begin(self, mount: Mount, tool: Tool, arguments: dict[str, Any] | None) -> Any:
        """Start a task; where that fails, there is none, but a result that says why."""
        try:
            return await self._long.start(mount, tool, arguments)
        except UnavailableError as error:
            raise protocol_error(error) from None
        except TrunklineError as error:
            return types.CallToolResult.model_validate(as_failure(error))

    async def _call_plainly(self, mount: Mount, name: str, arguments: dict[str, Any]) -> Outcome | None:
        """Call a tool for which the library is not needed; None where it is, to say what is wrong."""
        try:
            tool = await self._desk.tool(mount, name)
        except TrunklineError:
            return None
        if tool is None or missing_form(tool, arguments) is not None:
            return None
        try:
            return Outcome(await self._called(mount, tool, arguments, unheard))
        except MCPError as error:
            return Outcome(error=error.error.model_dump(mode="json", exclude_none=True))

    async def _run(self, ctx: _Context, mount: Mount, tool: Tool, arguments: dict[str, Any] | None) -> dict[str, Any]:
        """Call a tool; what the agent says on the way reaches the client, in order and before the result."""
        if not (ctx.meta and ctx.meta.get("progress_token") is not None):
            return await self._called(mount, tool, arguments, unheard)
        told: asyncio.Queue[Progress | None] = asyncio.Queue()
        telling = self._tasks.spawn(_tell(ctx, told), name="mcp-progress", awaited=True)
        try:
            return await self._called(mount, tool, arguments, told.put_nowait)
        finally:
            told.put_nowait(None)
            await telling

    async def _called(
        self, mount: Mount, tool: Tool, arguments: dict[str, Any] | None, report: Report
    ) -> dict[str, Any]:
        """Return a call's result; what went wrong in it is one too.

        Raises:
            MCPError: the broker is away, or the work needs a task and this client knows none.
        """
        try:
            return as_result(tool, await self._desk.call(mount, tool, arguments, report))
        except TaskNeededError:
            raise task_needed() from None
        except UnavailableError as error:
            if error.code.startswith("bus."):
                raise protocol_error(error) from None
            return as_failure(error)
        except TrunklineError as error:
            return as_failure(error)

    async def _search(self, mount: Mount, arguments: dict[str, Any]) -> types.CallToolResult:
        query, limit = arguments.get("query", ""), arguments.get("limit", 10)
        if not isinstance(query, str) or not isinstance(limit, int) or not 1 <= limit <= 50:  # noqa: PLR2004
            raise MCPError(types.INVALID_PARAMS, "search_tools takes a query, and a limit from 1 to 50")
        return found_tools(await self._desk.search(mount, query, limit))

    async def _list_resources(
        self, ctx: _Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return await self._resources.page(self._enter(ctx), params.cursor if params else None)

    async def _read_resource(self, ctx: _Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        return await self._resources.read(self._enter(ctx), str(params.uri))

    async def _list_templates(
        self, ctx: _Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        self._enter(ctx)
        return self._resources.templates()

    async def _listen(
        self, ctx: _Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        workspace = self._enter(ctx).workspace
        self._marks.setdefault(workspace, await self._desk.mark(workspace))
        if workspace not in self._news:
            bus = InMemorySubscriptionBus()
            self._news[workspace] = (bus, ListenHandler(bus))
        return await self._long.listen(ctx, params, self._news[workspace][1])

    def _enter(self, ctx: _Context) -> Mount:
        """Return the mount of a request, and remember its session as one to send news to."""
        assert ctx.request is not None
        mount: Mount = ctx.request.scope[_MOUNT]
        session_id = ctx.request.headers.get("mcp-session-id")
        if session_id is not None:
            self._sessions[session_id] = (mount.workspace, ctx.session)
        return mount

    async def _watch(self) -> None:
        """Tell clients when the tools of their workspace changed."""
        while True:
            await asyncio.sleep(_WATCH_S)
            alive = self._manager._server_instances  # noqa: SLF001 -- the library tells nobody when a session ends
            self._sessions = {one: known for one, known in self._sessions.items() if one in alive}
            for workspace in {*self._news, *(place for place, _session in self._sessions.values())}:
                try:
                    mark = await self._desk.mark(workspace)
                except UnavailableError:
                    continue
                if self._marks.setdefault(workspace, mark) != mark:
                    self._marks[workspace] = mark
                    await self._tell_changed(workspace)

    async def _tell_changed(self, workspace: str) -> None:
        if workspace in self._news:
            for news in (ToolsListChanged(), PromptsListChanged()):
                await self._news[workspace][0].publish(news)
        for place, session in list(self._sessions.values()):
            if place == workspace:
                await session.send_tool_list_changed()
                await session.send_prompt_list_changed()


async def _tell(ctx: _Context, told: asyncio.Queue[Progress | None]) -> None:
    while (progress := await told.get()) is not None:
        await ctx.session.report_progress(progress.fraction, 1.0, progress.message or None)
