"""What a decorated function declares: its payload type, its options, its schema."""

import asyncio
import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from trunkline.context import Context
from trunkline.payloads import Codec, Nothing
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import HandlerInvalidError
from trunkline.protocol.queueing import QueueOptions
from trunkline.protocol.tasks import TaskMessage

_NAME = re.compile(subjects.NAME_PATTERN)


class Handler:
    """A user's function, callable as `(payload, context)` whatever its own signature."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", "handler")
        hints = _hints(function)
        self._wants = _parameters(function, hints)
        payload = next((hints.get(name, Any) for name, is_context in self._wants if not is_context), None)
        self.takes_payload = payload is not None
        self.codec = Codec(payload if payload is not None else Nothing)
        returns = hints.get("return", Any)
        self.returns = Codec(Any if returns is type(None) else returns)
        self._is_async = inspect.iscoroutinefunction(function)

    def input_schema(self) -> dict[str, Any] | None:
        """Return what the payload must look like; None where there is none, or any message will do."""
        return self.codec.schema() if self.takes_payload and self.codec.kind is not TaskMessage else None

    async def __call__(self, payload: Any, context: Context) -> Any:
        """Run the function; a plain `def` runs in a thread so that it blocks nobody."""
        arguments = [context if is_context else payload for _name, is_context in self._wants]
        if self._is_async:
            return await self.function(*arguments)
        return await asyncio.to_thread(self.function, *arguments)


class AgentSettings(TypedDict, total=False):
    """What else an agent says of itself; all of it may be left out."""

    title: str
    """Its name for people."""
    labels: Mapping[str, str]
    """What operators and callers tell agents apart by, such as `{"team": "billing"}`."""
    limits: frames.Limits | None
    """What one instance says it can bear; shown, and kept to by those who ask."""
    interfaces: Sequence[frames.Interface]
    """Where it can be reached besides the bus."""
    a2a: frames.Face | None
    """What it offers to clients of A2A besides messages, and which extensions it speaks."""
    documentation_url: str
    icon_url: str
    weight: float
    """How much one instance takes where calls are shared out by weight; 1 unless said."""
    tasks_at_once: int
    """Most tasks that one process works on at the same time; 16 unless said."""


class SkillSettings(TypedDict, total=False):
    """What others are told of a skill besides its name and schemas; all of it may be left out."""

    title: str
    """Its name for people."""
    examples: Sequence[Any]
    """Inputs that make sense, to show and to try."""
    input_modes: Sequence[str]
    """Media types it takes; none: JSON and plain text."""
    output_modes: Sequence[str]
    idempotent: bool
    """Whether calling it twice with the same input does no harm."""
    balance: frames.Balance | None
    """How callers choose among its instances."""
    prompt: bool
    """Whether it returns what is to be said to a model: a text, or messages (`{"role": …, "content": …}`)."""


@dataclass(frozen=True, kw_only=True)
class SkillSpec:
    """A skill: called by others."""

    name: str
    handler: Handler
    description: str
    tags: list[str]
    concurrency: int
    task: bool = False
    retry: frames.RetryPolicy | None = None
    """Of a task: which failures are tried again; None: none is."""
    title: str = ""
    examples: tuple[Any, ...] = ()
    input_modes: tuple[str, ...] = ()
    output_modes: tuple[str, ...] = ()
    idempotent: bool = False
    balance: frames.Balance | None = None
    prompt: bool = False

    def frame(self) -> frames.Skill:
        """Return the skill as it is registered."""
        return frames.Skill(
            name=self.name,
            title=self.title,
            description=self.description,
            tags=self.tags,
            task=self.task,
            examples=list(self.examples),
            input_modes=list(self.input_modes),
            output_modes=list(self.output_modes),
            idempotent=self.idempotent,
            balance=self.balance,
            prompt=self.prompt,
            input_schema=self.handler.input_schema(),
            output_schema=self.handler.returns.schema(),
        )


@dataclass(frozen=True, kw_only=True)
class ReaderSpec:
    """A queue's worker or an event group's follower."""

    lane: subjects.Lane
    name: str
    handler: Handler
    types: list[str]
    retry: frames.RetryPolicy | None
    ack_wait_s: float | None
    concurrency: int
    options: QueueOptions | None = None
    once: bool = False

    def frame(self) -> frames.ReaderDeclaration:
        """Return the reader as it is registered."""
        return frames.ReaderDeclaration(
            lane=self.lane,
            name=self.name,
            types=self.types,
            retry=self.retry,
            ack_wait_s=self.ack_wait_s,
            payload_schema=self.handler.input_schema(),
            options=self.options,
        )


def check_name(kind: str, name: str) -> str:
    """Return `name` if it can name a `kind`, else raise HandlerInvalidError."""
    if not _NAME.fullmatch(name):
        raise HandlerInvalidError(
            f"{name!r} cannot name {kind}: letters, digits, '_', '.', '-', at most 127, beginning with a letter or digit"
        )
    return name


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except NameError as error:
        raise HandlerInvalidError(f"The annotations of {function!r} cannot be resolved: {error}") from None


def _parameters(function: Callable[..., Any], hints: dict[str, Any]) -> list[tuple[str, bool]]:
    """Return (name, is it the context?) for each parameter: at most one payload and one context."""
    found = [
        (name, hints.get(name) is Context or (name not in hints and name in {"ctx", "context"}))
        for name in inspect.signature(function).parameters
    ]
    payloads = [name for name, is_context in found if not is_context]
    if len(payloads) > 1 or len(found) - len(payloads) > 1:
        raise HandlerInvalidError(
            f"{getattr(function, '__name__', function)!r} takes {', '.join(name for name, _ in found)};"
            " a handler takes one payload and, if it wants, one `ctx: tl.Context`"
        )
    return found
