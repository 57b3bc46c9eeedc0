"""Makes a skill of a framework's agent: the same options and the same manners for every framework."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from trunkline.adapters.running import running
from trunkline.agent import Agent
from trunkline.context import Context
from trunkline.payloads import Nothing
from trunkline.processing import words_of
from trunkline.protocol import frames
from trunkline.protocol.errors import TrunklineError

Errors = Mapping[type[Exception], type[TrunklineError]]
"""What a framework's errors are in ours; the first that fits counts, any other is `CallFailedError`."""
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")


class Offer(TypedDict, total=False):
    """What every `serve` takes besides the agent: what `Agent.skill` takes, and how payloads are read and answered."""

    description: str
    tags: list[str]
    concurrency: int
    task: bool
    """Long work: words stream into the artifact `result`, steps are told, a person can be asked."""
    retry: frames.RetryPolicy | None
    input_type: Any
    """Type of the skill's input, instead of what the framework says."""
    output_type: Any
    prepare: Callable[[Any], Any]
    """Makes of the skill's input what the framework's agent takes."""
    extract: Callable[[Any], Any]
    """Makes of what the framework's agent returned the skill's output."""


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A framework's agent, as it is offered."""

    name: str
    """What the framework calls it; may be empty."""
    description: str
    run: Callable[[Any, Context], Awaitable[Any]]
    input_type: Any
    output_type: Any
    errors: Errors


def offer(guest: Guest, agent: Agent | str | None, skill: str | None, options: Offer) -> Agent:
    """Add the skill to an agent, or to a new one of this name."""
    named = agent if isinstance(agent, str) else _fit(guest.name)
    found = agent if isinstance(agent, Agent) else Agent(named, description=guest.description)
    declared: dict[str, Any] = {"description": guest.description} | {
        key: value for key, value in options.items() if key not in Offer.__annotations__ or key in _OF_SKILLS
    }
    found.skill(skill or (_fit(guest.name) if guest.name else found.name), **declared)(_handler(guest, options))
    return found


_OF_SKILLS = {"description", "tags", "concurrency", "task", "retry"}


def _handler(guest: Guest, options: Offer) -> Callable[..., Any]:
    expected = tuple(guest.errors)

    async def run(payload: Any, ctx: Context) -> Any:
        with running(ctx):
            try:
                return await guest.run(payload, ctx)
            except expected as error:
                kind = next(ours for theirs, ours in guest.errors.items() if isinstance(error, theirs))
                raise kind(f"{type(error).__name__}: {words_of(error)}") from error

    async def run_without(ctx: Context) -> Any:
        return await run(None, ctx)

    takes = options.get("input_type", guest.input_type)
    function: Any = run_without if takes is Nothing else run
    function.__annotations__ = {"ctx": Context, "return": options.get("output_type", guest.output_type)}
    if takes is not Nothing:
        function.__annotations__ |= {"payload": takes}
    return function  # type: ignore[no-any-return]


def _fit(name: str) -> str:
    """Return a framework's name as one that agents and skills can have."""
    return _UNFIT.sub("-", name).strip("-._")[:100]
