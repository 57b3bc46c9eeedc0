"""MCP servers behind the hub, and toolsets."""

from trunkline.protocol.errors.base import ConflictError, NotFoundError, RequestError, TrunklineError, UnavailableError


class McpUpstreamUnknownError(NotFoundError):
    code = "mcp.upstream_unknown"
    title = "There is no MCP upstream of this name"
    remedy = "`trunkline mcp list` shows those there are."


class McpUpstreamExistsError(ConflictError):
    code, status = "mcp.upstream_exists", 409
    title = "An agent or an upstream of this name is there already"
    remedy = "Choose another name, or remove the one that is there."


class McpUpstreamUnavailableError(UnavailableError):
    code, status = "mcp.upstream_unavailable", 503
    title = "The MCP upstream is not connected at the moment"
    remedy = "`trunkline mcp list` tells why; the hub tries again by itself."


class McpUpstreamBrokenError(TrunklineError):
    code, status = "mcp.upstream_broken", 502
    title = "The MCP upstream answered what MCP does not allow"
    remedy = "See the upstream's log; compare with its own schema."


class McpCommandRefusedError(RequestError):
    code, status = "mcp.command_refused", 403
    title = "The hub does not start this command"
    remedy = "Have an operator add it to `mcp.stdio_commands`, or serve the upstream over HTTP."


class ToolsetUnknownError(NotFoundError):
    code = "mcp.toolset_unknown"
    title = "There is no toolset of this name"
    remedy = "`trunkline mcp toolsets` shows those there are."
