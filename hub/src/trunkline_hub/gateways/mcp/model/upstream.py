"""What may be declared as an upstream, and as a toolset."""

import re
from collections.abc import Collection

from trunkline.protocol.errors import FieldError, McpCommandRefusedError, RequestInvalidError
from trunkline.protocol.resources import McpUpstreamDeclaration, ToolsetDeclaration
from trunkline.protocol.subjects import NAME_PATTERN

_NAME = re.compile(NAME_PATTERN)
_PREFIX = re.compile(r"[A-Za-z0-9_.-]{0,64}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,127}")
_VALUE = re.compile(r"[\x20-\x7e\t]{0,8192}")
_NOT_YOURS = frozenset({
    "host", "content-length", "content-type", "transfer-encoding", "connection", "accept", "mcp-session-id",
    "mcp-protocol-version", "mcp-method", "mcp-name", "last-event-id", "origin", "upgrade", "te", "trailer",
})  # fmt: skip
_MOST = 100


def check_upstream(name: str, wanted: McpUpstreamDeclaration, commands: Collection[str]) -> None:
    """Refuse what cannot be an upstream, or a command that no operator allowed.

    Raises:
        RequestInvalidError: names each wrong field.
        McpCommandRefusedError
    """
    problems: list[FieldError] = []
    if not _NAME.fullmatch(name):
        problems.append(FieldError("/name", "letters, digits, '_', '.', '-'; at most 127"))
    if wanted.prefix is not None and not _PREFIX.fullmatch(wanted.prefix):
        problems.append(FieldError("/prefix", "letters, digits, '_', '.', '-'; at most 64"))
    if wanted.transport == "stdio":
        problems += _of_stdio(wanted)
    elif not wanted.url or wanted.command:
        problems.append(FieldError("/url", "streamable-http takes a url and no command"))
    for header, value in wanted.headers.items():
        if not _HEADER.fullmatch(header) or header.lower() in _NOT_YOURS:
            problems.append(FieldError(f"/headers/{header}", "cannot be set"))
        elif not _VALUE.fullmatch(value):
            problems.append(FieldError(f"/headers/{header}", "must be printable ASCII, at most 8192 characters"))
    if problems:
        raise RequestInvalidError(errors=problems)
    check_command(wanted, commands)


def check_command(wanted: McpUpstreamDeclaration, commands: Collection[str]) -> None:
    """Refuse a command that no operator allowed.

    Raises:
        McpCommandRefusedError
    """
    if wanted.transport == "stdio" and wanted.command[0] not in commands:
        raise McpCommandRefusedError(f"{wanted.command[0]!r} is not one of `mcp.stdio_commands`")


def check_toolset(name: str, wanted: ToolsetDeclaration) -> None:
    """Refuse a toolset that names nothing, or too much.

    Raises:
        RequestInvalidError
    """
    problems: list[FieldError] = []
    if not _NAME.fullmatch(name):
        problems.append(FieldError("/name", "letters, digits, '_', '.', '-'; at most 127"))
    named = [*wanted.skills, *wanted.tags, *wanted.agents]
    if not 0 < len(named) <= _MOST or not all(0 < len(one) <= 255 and "\0" not in one for one in named):  # noqa: PLR2004
        problems.append(FieldError("/skills", f"name 1 to {_MOST} skills, tags and agents"))
    if problems:
        raise RequestInvalidError(errors=problems)


def _of_stdio(wanted: McpUpstreamDeclaration) -> list[FieldError]:
    texts = [*wanted.command, *wanted.env, *wanted.env.values()]
    if not wanted.command or wanted.url or wanted.headers:
        return [FieldError("/command", "stdio takes a command, and neither url nor headers")]
    if len(texts) > _MOST or any("\0" in text for text in texts):
        return [FieldError("/command", f"at most {_MOST} words without NUL")]
    return []
