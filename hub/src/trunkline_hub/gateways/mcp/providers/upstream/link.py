"""One upstream: connected again and again, its offer read, its tools called."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import structlog
from mcp import Client, MCPError
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp_types import (
    INVALID_REQUEST,
    CallToolResult,
    ElicitRequest,
    ElicitResult,
    ErrorData,
    InputRequiredResult,
    TextContent,
    ToolListChangedNotification,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from trunkline.protocol.errors import (
    CATALOGUE,
    CallFailedError,
    CallTimeoutError,
    McpUpstreamBrokenError,
    McpUpstreamUnavailableError,
    OutboundError,
    OutboundTimeoutError,
    TrunklineError,
)
from trunkline.protocol.frames import Progress
from trunkline.protocol.resources import McpUpstreamDeclaration
from trunkline_hub.gateways.mcp.model import Offer, OfferedTool
from trunkline_hub.gateways.mcp.model.asked import Answers, Asked
from trunkline_hub.gateways.mcp.ports import Report
from trunkline_hub.gateways.mcp.providers.upstream.transport import PROBLEM, dial
from trunkline_hub.gateways.mcp.settings import McpSettings
from trunkline_hub.outbound import Guard

_log = structlog.get_logger("mcp")
_BY_CODE = {error.code: error for error in CATALOGUE}
_PAGES = 100
_RETRY_MIN_S, _RETRY_MAX_S = 0.5, 30.0
_GONE = frozenset({"Session terminated", "Session not found"})
_TIMEOUT = -32001
_CLOSED = -32000
_FAULTS = (
    TrunklineError,
    MCPError,
    ValidationError,
    RuntimeError,
    OSError,
    TimeoutError,
    anyio.BrokenResourceError,
    ExceptionGroup,
)


async def look(wanted: McpUpstreamDeclaration, guard: Guard, settings: McpSettings) -> Offer:
    """Connect once and return what a server brings.

    Raises:
        McpUpstreamBrokenError, OutboundErrors
    """
    try:
        # What a server offers may depend on what its client can do: the same as the one that will stay connected.
        dialed = dial(wanted, guard, read_s=settings.connect_s, elicitation_callback=_cannot_ask)
        async with asyncio.timeout(settings.connect_s), dialed as client:
            return await read_offer(client, wanted, guard, settings)
    except _FAULTS as fault:
        raise as_error(fault) from None


async def read_offer(client: Client, wanted: McpUpstreamDeclaration, guard: Guard, settings: McpSettings) -> Offer:
    """Return what a connected server offers."""
    able, info = client.server_capabilities, client.server_info
    tools = await _all(client.list_tools, "tools", settings.max_tools) if able.tools else []
    resources = await _all(client.list_resources, "resources", settings.max_tools) if able.resources else []
    templates = (
        await _all(client.list_resource_templates, "resource_templates", settings.max_tools) if able.resources else []
    )
    prompts = await _all(client.list_prompts, "prompts", settings.max_tools) if able.prompts else []
    return Offer(
        server=info.name if info else "", version=(info.version if info else "") or "",
        title=(info.title if info else "") or "", instructions=client.session.instructions or "",
        versions=await _versions(client, wanted, guard, settings), tools=[_tool(tool) for tool in tools],
        resources=len(resources), templates=len(templates), prompts=[prompt.name for prompt in prompts],
        completion=able.completions is not None,
    )  # fmt: skip


async def _versions(client: Client, wanted: McpUpstreamDeclaration, guard: Guard, settings: McpSettings) -> list[str]:
    """Return the revisions a server speaks; over HTTP one of the new era may speak the old one too."""
    found = [client.protocol_version]
    if wanted.transport == "streamable-http" and client.protocol_version in MODERN_PROTOCOL_VERSIONS:
        try:
            async with dial(wanted, guard, read_s=settings.connect_s, mode="legacy") as old:
                found.insert(0, old.protocol_version)
        except _FAULTS:
            _log.debug("mcp_upstream_is_modern_only", url=wanted.url)
    return found


class UpstreamLink:
    """A connection that is rebuilt by itself."""

    def __init__(
        self, wanted: McpUpstreamDeclaration, guard: Guard, settings: McpSettings,
        on_offer: Callable[[Offer], Awaitable[None]],
    ) -> None:  # fmt: skip
        self.state = "new"
        self.detail = ""
        self._wanted = wanted
        self._guard = guard
        self._settings = settings
        self._on_offer = on_offer
        self._client: Client | None = None
        self._stale = asyncio.Event()
        self._broken = asyncio.Event()

    async def run(self) -> None:
        delay = _RETRY_MIN_S
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._connected()
                self.detail = "the connection ended"
            except _FAULTS as fault:
                self.detail = as_error(fault).detail
                _log.info("mcp_upstream_failing", url=self._wanted.url, error=self.detail)
            finally:
                self._client = None
                self.state = "failing"
            if asyncio.get_running_loop().time() - began > _RETRY_MAX_S:
                delay = _RETRY_MIN_S
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, _RETRY_MAX_S)

    def refresh(self) -> None:
        self._stale.set()

    async def call_tool(
        self, name: str, arguments: dict[str, Any], report: Report, timeout_s: float, answers: Answers | None = None
    ) -> Any:
        """Call a tool and return its output as a skill's, or what it asks."""
        client = self._client
        if client is None:
            raise McpUpstreamUnavailableError(self.detail or "The upstream is being connected")

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            fraction = progress / total if total else 0.0
            report(Progress(fraction=min(max(fraction, 0.0), 1.0), message=message or ""))

        try:
            result = await client.session.call_tool(
                name, arguments, read_timeout_seconds=timeout_s, progress_callback=on_progress,
                input_responses=_responses(answers), request_state=answers.state if answers else None,
                allow_input_required=True,
            )  # fmt: skip
        except _FAULTS as fault:
            error = as_error(fault)
            if _is_gone(fault):
                self._broken.set()
            raise error from None
        return _asked(result) if isinstance(result, InputRequiredResult) else _output(result)

    async def _connected(self) -> None:
        self._stale.clear()
        self._broken.clear()
        read_s = self._settings.call_timeout_s
        async with dial(
            self._wanted, self._guard, read_s=read_s, message_handler=self._on_message, elicitation_callback=_cannot_ask
        ) as client:  # fmt: skip
            await self._read(client)
            self._client = client
            self.state, self.detail = "connected", ""
            async with anyio.create_task_group() as group:
                group.start_soon(self._listen, client)
                while not self._broken.is_set():
                    await self._wait()
                    if not self._broken.is_set():
                        self._stale.clear()
                        await self._read(client)
                group.cancel_scope.cancel()

    async def _read(self, client: Client) -> None:
        async with asyncio.timeout(self._settings.connect_s):
            found = await read_offer(client, self._wanted, self._guard, self._settings)
        await self._on_offer(found)

    async def _wait(self) -> None:
        """Wait until the offer is to be read anew: it changed, time passed, or the session is gone."""
        with anyio.move_on_after(self._settings.refresh_s * random.uniform(0.9, 1.1)):
            async with anyio.create_task_group() as group:
                for event in (self._stale, self._broken):
                    group.start_soon(_first, event, group.cancel_scope)

    async def _listen(self, client: Client) -> None:
        """Hear of changed tools in the era in which one subscribes to such news."""
        if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or not client.server_capabilities.tools:
            return
        while client.server_capabilities.tools.list_changed:
            try:
                async with client.listen(tools_list_changed=True) as news:
                    async for _event in news:
                        self._stale.set()
            except ListenNotSupportedError:
                return
            except (SubscriptionLost, MCPError, TimeoutError):
                await asyncio.sleep(_RETRY_MAX_S * random.uniform(0.5, 1.0))

    async def _on_message(self, message: Any) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._stale.set()
        elif isinstance(message, Exception):
            self._broken.set()


async def _first(event: asyncio.Event, scope: anyio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def _all(fetch: Callable[..., Awaitable[Any]], field: str, most: int) -> list[Any]:
    """Return all pages of a list, within bounds."""
    found: list[Any] = []
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(_PAGES):
        page = await fetch(cursor=cursor)
        found += getattr(page, field)
        cursor = page.next_cursor
        if cursor is None or cursor in seen or len(found) >= most:
            break
        seen.add(cursor)
    return found[:most]


def _tool(tool: Any) -> OfferedTool:
    hints = tool.annotations
    return OfferedTool(
        name=tool.name, title=tool.title or (hints.title if hints else None) or "", description=tool.description or "",
        input_schema=tool.input_schema, output_schema=tool.output_schema,
        idempotent=bool(hints and (hints.idempotent_hint or hints.read_only_hint)),
    )  # fmt: skip


def _output(result: CallToolResult) -> Any:
    """Return a tool's result as a skill's output: its structure, else its text, else all its blocks."""
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    if result.is_error:
        raise CallFailedError("\n".join(texts) or "The tool failed and did not say why")
    if result.structured_content is not None:
        return result.structured_content
    if len(texts) == len(result.content):
        return "\n".join(texts)
    return {"content": [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content]}


async def _cannot_ask(_context: Any, _params: Any) -> ErrorData:
    """Servers of the 2025 era ask in the midst of a call, which nobody can be found to answer."""
    return ErrorData(code=INVALID_REQUEST, message="Tools called as skills can ask by a result only (2026-07-28)")


def _asked(result: InputRequiredResult) -> Asked:
    found: dict[str, Any] = {}
    for key, request in (result.input_requests or {}).items():
        if not isinstance(request, ElicitRequest):
            raise McpUpstreamBrokenError(f"It asks for {request.method}, which it was not offered")
        found[key] = request.params.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"meta"})
    return Asked(requests=found, state=result.request_state)


def _responses(answers: Answers | None) -> Any:
    if answers is None:
        return None
    return {key: ElicitResult.model_validate(response) for key, response in answers.responses.items()}


def _is_gone(fault: BaseException) -> bool:
    return isinstance(fault, MCPError) and (fault.message in _GONE or fault.code == _CLOSED)


def as_error(fault: BaseException) -> TrunklineError:
    """Return the catalogue's error for whatever the library raised."""
    if isinstance(fault, ExceptionGroup):
        return as_error(fault.exceptions[0])
    if isinstance(fault, TrunklineError):
        return fault
    if isinstance(fault, MCPError):
        return _told(fault)
    if isinstance(fault, TimeoutError):
        return OutboundTimeoutError("The upstream did not answer in time")
    if isinstance(fault, OSError):
        return McpUpstreamUnavailableError(f"{type(fault).__name__}: {fault.strerror or fault}")
    return McpUpstreamBrokenError(str(fault).split("\n", 1)[0])


def _told(fault: MCPError) -> TrunklineError:
    told = fault.data.get(PROBLEM) if isinstance(fault.data, dict) else None
    if isinstance(told, dict) and issubclass(
        kind := _BY_CODE.get(str(told.get("code")), TrunklineError), OutboundError
    ):
        return kind(str(told.get("detail", "")))
    if "timed out" in fault.message.lower() or fault.code == _TIMEOUT:
        return CallTimeoutError(fault.message)
    return CallFailedError(f"The upstream refused ({fault.code}): {fault.message}")


__all__ = ["UpstreamLink", "as_error", "look"]
