"""Skills as tools: valid unique names, schemas that MCP takes, and back again."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from trunkline.protocol.frames import Skill
from trunkline.protocol.resources import Agent, ToolsetDeclaration

_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_MAX_NAME = 64
"""What the makers of models take, which is less than what MCP allows."""
_OBJECT = {"type": "object"}
WRAPPED_INPUT = "input"
WRAPPED_OUTPUT = "result"


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A skill as MCP shows it."""

    name: str
    skill: str
    agent: str | None
    """Only this agent's, where several offer the skill with different schemas."""
    offered_by: tuple[str, ...]
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    input_schema: Mapping[str, Any] = field(default_factory=lambda: _OBJECT)
    output_schema: Mapping[str, Any] | None = None
    declared_input: Mapping[str, Any] | None = None
    wraps_input: bool = False
    wraps_output: bool = False
    idempotent: bool = False
    task: bool = False
    """Whether it is long work, which clients that know tasks get as one."""
    prompt: bool = False
    """Whether clients get it as a prompt, and not as a tool."""


def tools_of(agents: Iterable[Agent]) -> list[Tool]:
    """Return the tools of a workspace: one a skill, or one an agent where their schemas differ."""
    offers: dict[str, list[tuple[str, Skill]]] = {}
    for agent in agents:
        for skill in agent.skills:
            offers.setdefault(skill.name, []).append((agent.name, skill))
    taken: set[str] = set()
    found: list[Tool] = []
    for skill_name in sorted(offers):
        offered = offers[skill_name]
        if len({_shape(skill) for _agent, skill in offered}) == 1:
            found.append(_tool(skill_name, offered[0][1], None, tuple(a for a, _s in offered), taken))
        else:
            found += [_tool(f"{skill_name}__{a}", skill, a, (a,), taken) for a, skill in offered]
    return found


def chosen(tools: Sequence[Tool], wanted: ToolsetDeclaration) -> list[Tool]:
    """Return the tools that a toolset names."""
    return [
        tool
        for tool in tools
        if any(fnmatchcase(tool.skill, pattern) for pattern in wanted.skills)
        or set(wanted.tags) & set(tool.tags)
        or set(wanted.agents) & set(tool.offered_by)
    ]


def as_arguments(tool: Tool, arguments: dict[str, Any] | None) -> Any:
    """Return a skill's input from a tool's arguments."""
    if tool.wraps_input:
        return (arguments or {}).get(WRAPPED_INPUT)
    return arguments or (None if tool.declared_input is None else {})


def _tool(name: str, skill: Skill, agent: str | None, by: tuple[str, ...], taken: set[str]) -> Tool:
    input_schema, wraps_input = _as_object(skill.input_schema, WRAPPED_INPUT)
    output_schema, wraps_output = (
        _as_object(skill.output_schema, WRAPPED_OUTPUT) if skill.output_schema else (None, False)
    )
    return Tool(
        name=_fit(name, taken), skill=skill.name, agent=agent, offered_by=by, title=skill.title,
        description=skill.description, tags=tuple(skill.tags), input_schema=input_schema, output_schema=output_schema,
        declared_input=skill.input_schema, wraps_input=wraps_input, wraps_output=wraps_output,
        idempotent=skill.idempotent, task=skill.task, prompt=skill.prompt,
    )  # fmt: skip


def _fit(name: str, taken: set[str]) -> str:
    fit = _UNFIT.sub("_", name)
    if len(fit) > _MAX_NAME or fit in taken:
        fit = f"{fit[: _MAX_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    taken.add(fit)
    return fit


def _as_object(schema: Mapping[str, Any] | None, wrapped: str) -> tuple[dict[str, Any], bool]:
    """Return a schema whose root is an object, and whether the value had to be wrapped into one."""
    if schema is None:
        return dict(_OBJECT), False
    kind = schema.get("type")
    if kind == "object":
        return dict(schema), False
    target = str(schema.get("$ref", ""))
    if kind is None and target.startswith("#/$defs/"):
        resolved = schema.get("$defs", {}).get(target.removeprefix("#/$defs/"), {})
        if isinstance(resolved, Mapping) and resolved.get("type") == "object":
            return {"type": "object", **schema}, False
    if kind is None and not schema.keys() - {"title", "description", "$schema"}:
        return {"type": "object", **schema}, False
    inner = {key: value for key, value in schema.items() if key not in {"$defs", "$schema"}}
    outer: dict[str, Any] = {"type": "object", "properties": {wrapped: inner}, "required": [wrapped]}
    return outer | ({"$defs": schema["$defs"]} if "$defs" in schema else {}), True


def _shape(skill: Skill) -> bytes:
    return msgspec.json.encode([skill.input_schema, skill.output_schema, skill.prompt], order="deterministic")
