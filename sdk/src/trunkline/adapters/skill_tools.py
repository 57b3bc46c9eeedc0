"""Skills on the bus as tools, whatever framework wants them: found, named, described, called, and told to a model."""

import asyncio
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline import payloads
from trunkline.adapters.running import current_run, patience
from trunkline.client import Client
from trunkline.context import Context
from trunkline.protocol import frames
from trunkline.protocol.errors import (
    CallError,
    CallFailedError,
    CallTimeoutError,
    PayloadInvalidError,
    SkillUnknownError,
    TrunklineError,
    from_problem,
)
from trunkline.protocol.resources import Task
from trunkline.protocol.tasks import TERMINAL

TIMEOUT_S = 60.0
_NAME_CHARS = 64
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
_PAGE = 200
_CALLING_OFF_S = 5.0


@dataclass(frozen=True, kw_only=True)
class SkillTool:
    """A skill as a model's tool: `await tool(text="…")` calls it."""

    name: str
    """What the model calls it: letters, digits, `_` and `-`, at most 64."""
    description: str
    schema: dict[str, Any]
    """JSON Schema of the arguments: always an object, as models want it."""
    skill: frames.Skill
    client: Client
    agent: str | None
    """The only agent to call; None is any that has the skill."""
    timeout_s: float
    wraps: bool
    """Whether the skill's input is no object, and comes as the argument `input`."""

    async def __call__(self, **arguments: Any) -> Any:
        """Call the skill, on behalf of the message being handled, within the time that its caller waits.

        Raises:
            PayloadInvalidError: the arguments do not fit; `complaint` says it in a model's words.
            TrunklineError: as `Client.call`.
        """
        given: Any = arguments.get("input") if self.wraps else arguments
        context = current_run.get()
        timeout_s = patience(context, self.timeout_s)
        if timeout_s <= 0:
            raise CallTimeoutError("No time is left: the caller no longer waits")
        if self.skill.task:
            return await self._run_task(given, context, timeout_s)
        return await self.client.call(self.skill.name, given, agent=self.agent, timeout_s=timeout_s)

    async def tell(self, arguments: dict[str, Any]) -> str:
        """Call the skill and return what a model is told, be it the answer or what went wrong."""
        try:
            return words(await self(**arguments))
        except TrunklineError as error:
            return complaint(error)

    async def _run_task(self, given: Any, context: Context | None, timeout_s: float) -> Any:
        options: dict[str, Any] = {} if self.agent is None else {"agent": self.agent}
        if context is not None:
            options["metadata"] = {"correlation_id": context.correlation_id, "caused_by": context.id}
        started = await self.client.tasks.start(self.skill.name, given, **options)
        ended: Task | None = None
        try:
            ended = await self.client.tasks.wait(started.id, timeout_s=timeout_s)
        except TimeoutError:
            raise CallTimeoutError(f"{self.skill.name!r} was not done within {timeout_s:g} s") from None
        finally:
            if ended is None or ended.status.state not in TERMINAL:
                await self._call_off(started.id)
        return _outcome(ended, self.skill.name)

    async def _call_off(self, task_id: str) -> None:
        """Nobody waits for it any more: let the other side stop too, if it can be told at once."""
        try:
            async with asyncio.timeout(_CALLING_OFF_S):
                await self.client.tasks.cancel(task_id, "The agent that asked for it no longer waits")
        except (TrunklineError, TimeoutError):
            return


async def skill_tools(  # noqa: PLR0913 -- the same words for every framework
    client: Client | Context,
    *,
    skills: Sequence[str] = (),
    tags: Sequence[str] = (),
    search: str = "",
    agent: str | None = None,
    timeout_s: float = TIMEOUT_S,
    limit: int = 64,
) -> list[SkillTool]:
    """Find skills and return them as tools, each skill once.

    Args:
        client: a client, or the `ctx` of the message being handled.
        skills: names of skills; each must exist.
        tags: skills that have any of these.
        search: skills that these words find, the best first.
        agent: only this agent's.
        timeout_s: how long a call may take; less where the message being handled leaves less.
        limit: at most so many.

    Raises:
        SkillUnknownError: one of `skills` is not registered.
        PermissionDeniedError, HubUnreachableError
    """
    door: Any = client.client if isinstance(client, Context) else client
    found = await _named(door, skills, agent)
    if tags or search or not skills:
        found += await _matching(door, tags, search, agent, limit)
    unique = {skill.name: skill for skill in reversed(found)}
    chosen = [unique[name] for name in dict.fromkeys(skill.name for skill in found)][:limit]
    names = _names([skill.name for skill in chosen])
    return [_tool(skill, name, door, agent, timeout_s) for skill, name in zip(chosen, names, strict=True)]


def words(output: Any) -> str:
    """Return an answer as text for a model."""
    if isinstance(output, str):
        return output
    if isinstance(output, payloads.RAW):
        return f"({len(output):,} bytes that are no text)"
    return payloads.encode(output).decode()


def complaint(error: TrunklineError) -> str:
    """Return an error as a model can act on it: what is wrong, where, and what helps."""
    if isinstance(error, PayloadInvalidError) and error.errors:
        wrong = "; ".join(f"{item.pointer or '/'}: {item.detail}" for item in error.errors)
        return f"The arguments do not fit the schema. {wrong}. Correct them and call again."
    return f"Error {error.code}: {error.detail}. {error.remedy}"


def is_for_the_model(error: TrunklineError) -> bool:
    """Whether another try with other arguments may help."""
    return isinstance(error, PayloadInvalidError)


async def _named(client: Client, names: Sequence[str], agent: str | None) -> list[frames.Skill]:
    found = []
    for name in names:
        page = await client.agents.list(skill=name)
        offered = [s for a in page.items if agent in {None, a.name} for s in a.skills if s.name == name]
        if not offered:
            raise SkillUnknownError(f"There is no skill {name!r}" + (f" of agent {agent!r}" if agent else ""))
        found.append(offered[0])
    return found


async def _matching(client: Client, tags: Sequence[str], text: str, agent: str | None, most: int) -> list[frames.Skill]:
    """Return what the hub finds: by words the best first; of several tags any will do."""
    found: list[frames.Skill] = []
    wanted: list[str | None] = [*sorted(set(tags))] or [None]
    for tag in wanted:
        given: dict[str, Any] = {"text": text or None, "tag": tag, "agent": agent, "limit": _PAGE}
        filters = {name: value for name, value in given.items() if value is not None}
        page = await client.skills.search(**filters)
        found += [one.skill for one in page.items]
        while page.next is not None and len(found) < most:
            page = await client.skills.search(**filters, cursor=page.next)
            found += [one.skill for one in page.items]
    return found


def _tool(skill: frames.Skill, name: str, client: Client, agent: str | None, timeout_s: float) -> SkillTool:
    schema, wraps = _arguments(skill.input_schema)
    return SkillTool(
        name=name, description=skill.description or skill.title or skill.name, schema=schema, skill=skill,
        client=client, agent=agent, timeout_s=timeout_s, wraps=wraps,
    )  # fmt: skip


def _arguments(schema: dict[str, Any] | None) -> tuple[dict[str, Any], bool]:
    """Return the schema of the arguments, and whether the input is wrapped in one of them."""
    if schema is None:
        return {"type": "object", "properties": {"input": {}}}, True
    if schema.get("type") == "object":
        return {"properties": {}} | schema, False
    inner = {key: value for key, value in schema.items() if key not in {"$defs", "$schema"}}
    outer = {"type": "object", "properties": {"input": inner}, "required": ["input"]}
    return outer | ({"$defs": schema["$defs"]} if "$defs" in schema else {}), True


def _names(skills: Iterable[str]) -> list[str]:
    """Return a name for each that models can say; where two would be one, both carry a mark."""
    plain = [_UNFIT.sub("_", skill) for skill in skills]
    marked = []
    for skill, name in zip(skills, plain, strict=True):
        if len(name) > _NAME_CHARS or plain.count(name) > 1:
            mark = hashlib.sha256(skill.encode()).hexdigest()[:8]
            marked.append(f"{name[: _NAME_CHARS - 9]}_{mark}")
        else:
            marked.append(name)
    return marked


def _outcome(task: Task, skill: str) -> Any:
    if task.status.state != "completed":
        if task.error is not None:
            raise from_problem(task.error)
        said = task.status.message.text if task.status.message is not None else ""
        reason = f"is {task.status.state}" + (f": {said}" if said else "")
        raise CallFailedError(f"{skill!r} {reason}")
    for artifact in reversed(task.artifacts):
        data = [part.data for part in artifact.parts if part.data is not msgspec.UNSET]
        if data:
            return data[0] if len(data) == 1 else data
        return "".join(part.text for part in artifact.parts if part.text is not None)
    return task.status.message.text if task.status.message is not None else ""


__all__ = ["CallError", "SkillTool", "complaint", "is_for_the_model", "skill_tools", "words"]
