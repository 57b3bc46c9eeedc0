"""What an MCP server offers, and the agent that it becomes."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from trunkline.protocol.errors import PayloadInvalidError
from trunkline.protocol.frames import Interface, Registration, Skill
from trunkline.protocol.resources import Change
from trunkline_hub.core.changes import changes

_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")
_MAX_NAME = 127
_MAX_TEXT = 20_000
_VERSION_CHARS = 63
_MOST_NAMED = 200


class OfferedTool(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A tool as its server lists it."""

    name: str
    title: str = ""
    description: str = ""
    input_schema: dict[str, Any] = {}
    output_schema: dict[str, Any] | None = None
    idempotent: bool = False


class Offer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All that an MCP server brings."""

    server: str = ""
    version: str = ""
    title: str = ""
    instructions: str = ""
    versions: list[str] = []
    """Protocol revisions it was found to speak."""
    tools: list[OfferedTool] = []
    resources: int = 0
    templates: int = 0
    prompts: list[str] = []
    completion: bool = False


def news_of(before: Offer, after: Offer) -> dict[str, list[str]]:
    """Return the tools that came, went, or now say another thing of themselves; whatever is the same is left out."""
    old, new = ({tool.name: tool for tool in offer.tools} for offer in (before, after))
    found = {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(name for name in old.keys() & new.keys() if old[name] != new[name]),
        "about": ["instructions"] if before.instructions != after.instructions else [],
    }
    return {kind: names[:_MOST_NAMED] for kind, names in found.items() if names}


def changes_of(before: Offer, after: Offer) -> list[Change]:
    """Return what agents would be told otherwise: instructions, and tools by their names."""
    return changes(_told(before), _told(after))


def _told(offer: Offer) -> dict[str, Any]:
    tools = {tool.name: msgspec.to_builtins(tool) for tool in offer.tools}
    return {"instructions": offer.instructions, "tools": tools}


def skills_of(tools: Sequence[OfferedTool], prefix: str) -> dict[str, OfferedTool]:
    """Return each tool under the name of its skill; names stay the same as long as the tools do."""
    found: dict[str, OfferedTool] = {}
    for tool in sorted(tools, key=lambda one: one.name):
        name = _UNFIT.sub("_", prefix + tool.name)
        if not name[:1].isalnum():
            name = f"t{name}"
        if len(name) > _MAX_NAME or name in found:
            name = f"{name[: _MAX_NAME - 9]}-{hashlib.sha256(tool.name.encode()).hexdigest()[:8]}"
        found[name] = tool
    return found


def as_registration(offer: Offer, prefix: str, url: str, description: str, transport: str) -> Registration:
    """Return the agent that an MCP server becomes."""
    version = "".join(letter for letter in offer.version if letter.isprintable())[:_VERSION_CHARS] or "0.0.0"
    return Registration(
        version=version,
        title=_text(offer.title or offer.server),
        description=_text(description or offer.instructions),
        interfaces=[Interface(protocol="mcp", url=url, binding=transport, version=(offer.versions or [""])[-1])],
        skills=[_skill(name, tool) for name, tool in skills_of(offer.tools, prefix).items()],
    )


def _skill(name: str, tool: OfferedTool) -> Skill:
    return Skill(
        name=name, title=_text(tool.title), description=_text(tool.description), tags=["mcp"],
        input_schema=tool.input_schema or None, output_schema=tool.output_schema, idempotent=tool.idempotent,
    )  # fmt: skip


def _text(said: str) -> str:
    return said.replace("\0", "")[:_MAX_TEXT]


def arguments_of(payload: Any) -> dict[str, Any]:
    """Return a tool's arguments from a skill's input.

    Raises:
        PayloadInvalidError
    """
    if not isinstance(payload, dict | None):
        raise PayloadInvalidError("An MCP tool takes an object of arguments")
    return payload or {}


def text_of(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return the text in content blocks, joined."""
    return "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
