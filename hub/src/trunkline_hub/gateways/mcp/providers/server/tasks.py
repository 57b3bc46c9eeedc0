"""The Tasks extension: long work is answered by a task that the client asks after (`io.modelcontextprotocol/tasks`)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Literal, cast

import mcp_types as types
import msgspec
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

from trunkline.protocol.errors import NotFoundError, from_problem
from trunkline.tasks import Tasks
from trunkline_hub.gateways.mcp.model import Tool
from trunkline_hub.gateways.mcp.model import task as words
from trunkline_hub.gateways.mcp.providers.server.clients import ERA, capabilities
from trunkline_hub.gateways.mcp.providers.server.errors import as_protocol_errors
from trunkline_hub.gateways.mcp.providers.server.resources import artifact_uri
from trunkline_hub.gateways.mcp.providers.server.results import as_failure, as_result
from trunkline_hub.gateways.mcp.service import Mount, Work
from trunkline_hub.tasks.model import Record

_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
_HEADER_MISMATCH = -32020
_MISSING_CAPABILITY = -32021
_MOST_FOLLOWED = 100
_Context = ServerRequestContext[Any, Any]
Enter = Callable[[_Context], Mount]
Listen = Callable[[_Context, types.SubscriptionsListenRequestParams], Awaitable[types.SubscriptionsListenResult]]


class _TaskParams(types.RequestParams):
    task_id: str


class _UpdateParams(_TaskParams):
    input_responses: dict[str, Any]


class _TaskNotification(types.Notification[dict[str, Any], Literal["notifications/tasks"]]):
    method: Literal["notifications/tasks"] = "notifications/tasks"


class TaskMethods:
    """Serves `tasks/*`; whoever starts a task says so in the result of `tools/call`."""

    def __init__(self, work: Work, enter: Enter, background: Tasks) -> None:
        self._work = work
        self._enter = enter
        self._background = background

    def register(self, server: Server[Any]) -> None:
        """Offer the extension."""
        server.extensions[words.EXTENSION] = {}
        server.add_request_handler("tasks/get", _TaskParams, self._get)
        server.add_request_handler("tasks/update", _UpdateParams, self._update)
        server.add_request_handler("tasks/cancel", _TaskParams, self._cancel)

    async def start(self, mount: Mount, tool: Tool, arguments: dict[str, Any] | None) -> dict[str, Any]:
        """Return a new task as the result of a call."""
        record = await self._work.start(mount, tool, arguments)
        return {"resultType": "task", **words.seed(record, self._work.keep_s)}

    async def listen(
        self, ctx: _Context, params: types.SubscriptionsListenRequestParams, plainly: Listen
    ) -> types.SubscriptionsListenResult:
        """Serve a subscription; tasks that it names are followed beside what the library knows of."""
        wanted = (params.notifications.model_extra or {}).get("taskIds")
        if not wanted:
            return await plainly(ctx, params)
        check_capable(ctx)
        mount, found = self._enter(ctx), []
        for task_id in list(wanted)[:_MOST_FOLLOWED]:
            try:
                found.append(await self._work.get(mount, str(task_id)))
            except NotFoundError:
                continue
        teller = _Teller(ctx.session, [record.id for record in found])
        following = [
            self._background.spawn(self._follow(ctx, mount, record, teller.ready), name="mcp-task") for record in found
        ]
        try:
            return await plainly(replace(ctx, session=cast("Any", teller)), params)
        finally:
            for one in following:
                one.cancel()

    async def _get(self, ctx: _Context, params: _TaskParams) -> dict[str, Any]:
        mount = self._checked(ctx, params)
        with as_protocol_errors():
            return await self._detailed(ctx, mount, await self._work.get(mount, params.task_id))

    async def _update(self, ctx: _Context, params: _UpdateParams) -> dict[str, Any]:
        mount = self._checked(ctx, params)
        with as_protocol_errors():
            await self._work.update(mount, params.task_id, params.input_responses)
        return {}

    async def _cancel(self, ctx: _Context, params: _TaskParams) -> dict[str, Any]:
        mount = self._checked(ctx, params)
        with as_protocol_errors():
            await self._work.cancel(mount, params.task_id)
        return {}

    async def _follow(self, ctx: _Context, mount: Mount, record: Record, ready: asyncio.Event) -> None:
        await ready.wait()
        meta = {"_meta": {_SUBSCRIPTION: ctx.request_id}}
        async for latest in self._work.follow(mount, record):
            told = _TaskNotification(params={**await self._detailed(ctx, mount, latest), **meta})
            await ctx.session.send_notification(told, related_request_id=ctx.request_id)  # type: ignore[arg-type]

    async def _detailed(self, ctx: _Context, mount: Mount, record: Record) -> dict[str, Any]:
        """Return a task with what its state brings: questions, result or error."""
        shown = words.seed(record, self._work.keep_s)
        match shown["status"]:
            case "input_required":
                asked = words.questions(record) if "elicitation" in capabilities(ctx) else []
                shown["inputRequests"] = {one.key: _elicitation(one) for one in asked}
            case "completed":
                tool = await self._work.desk.tool_of(mount, record.seed.skill, record.seed.agent)
                shown["result"] = _result(tool, record)
            case "failed":
                shown["error"] = words.protocol_error(record.error, record.said.text if record.said else "")
        return shown

    def _checked(self, ctx: _Context, params: _TaskParams) -> Mount:
        if ctx.protocol_version != ERA:
            raise MCPError(types.METHOD_NOT_FOUND, "Method not found", ctx.method)
        check_capable(ctx)
        assert ctx.request is not None
        if ctx.request.headers.get("mcp-name") != params.task_id:
            raise MCPError(_HEADER_MISMATCH, "The Mcp-Name header does not match params.taskId")
        return self._enter(ctx)


class _Teller:
    """A session whose acknowledgement of a subscription names the tasks that are followed."""

    def __init__(self, session: Any, task_ids: list[str]) -> None:
        self.ready = asyncio.Event()
        self._session = session
        self._task_ids = task_ids

    async def send_notification(self, notification: Any, related_request_id: Any = None) -> None:
        """Send a notification of the library's."""
        is_first = isinstance(notification, types.SubscriptionsAcknowledgedNotification)
        if is_first:
            filters = notification.params.notifications.model_dump(by_alias=True, exclude_none=True)
            notification.params.notifications = types.SubscriptionFilter.model_validate(
                {**filters, "taskIds": self._task_ids}
            )
        await self._session.send_notification(notification, related_request_id=related_request_id)
        if is_first:
            self.ready.set()


def knows_tasks(ctx: _Context) -> bool:
    """Whether a request's client takes tasks for results."""
    extensions = capabilities(ctx).get("extensions")
    return ctx.protocol_version == ERA and isinstance(extensions, dict) and words.EXTENSION in extensions


def check_capable(ctx: _Context) -> None:
    """Refuse a client that did not say that it knows tasks."""
    if not knows_tasks(ctx):
        raise task_needed()


def task_needed() -> MCPError:
    """Return what a client is told that cannot have what it wants without a task."""
    needed: dict[str, Any] = {"requiredCapabilities": {"extensions": {words.EXTENSION: {}}}}
    return MCPError(_MISSING_CAPABILITY, "Missing required client capability", needed)


def _elicitation(question: words.Question) -> dict[str, Any]:
    params = {"mode": "form", "message": question.text, "requestedSchema": dict(question.schema)}
    return {"method": "elicitation/create", "params": params}


def _result(tool: Tool, record: Record) -> dict[str, Any]:
    """Return what came of a task as its tool's result; what it made besides is linked."""
    if record.error is not None:
        return {"resultType": "complete", **as_failure(from_problem(record.error))}
    part = words.output(record.artifacts)
    links = [one for one in record.artifacts if one.name != words.RESULT]
    result: dict[str, Any] = {"content": []}
    if part is not None and part.data is not msgspec.UNSET:
        result = as_result(tool, part.data)
    elif part is not None and part.text is not None:
        result = as_result(tool, part.text)
    elif part is not None:
        links = list(record.artifacts)
    blocks = [{"type": "resource_link", "uri": artifact_uri(record, one), "name": one.name or one.id} for one in links]
    return {"resultType": "complete", "isError": False, **result, "content": [*result["content"], *blocks]}
