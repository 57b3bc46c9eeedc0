"""Anything callable as a skill: functions, methods, objects with `__call__`, generators; plain or asynchronous.

    functions.serve(summarize, "writer").run()

One parameter is the skill's input as it is; several are the fields of an
object. What a generator yields are the words of a growing answer.
"""

import asyncio
import contextvars
import functools
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Unpack

import msgspec

from trunkline.adapters.offering import Guest, Offer, offer
from trunkline.adapters.skill_tools import SkillTool, skill_tools
from trunkline.adapters.telling import Teller
from trunkline.agent import Agent
from trunkline.context import Context
from trunkline.payloads import Nothing
from trunkline.protocol.errors import HandlerInvalidError

tools = skill_tools
"""Skills as callables with a `name`, a `description` and a `schema`: for agents without a framework."""

_ITERATORS = {"AsyncIterator", "AsyncGenerator", "AsyncIterable", "Iterator", "Generator", "Iterable"}
_END = object()


def serve(
    function: Callable[..., Any],
    agent: Agent | str | None = None,
    *,
    skill: str | None = None,
    **options: Unpack[Offer],
) -> Agent:
    """Offer a callable as a skill of `agent`, or of a new agent of that name; returns the agent.

    The types of its parameters are the skill's schema; `ctx: tl.Context` is
    handed in. What is not asynchronous runs in a thread.

    Raises:
        HandlerInvalidError: its signature cannot be a skill's.
    """
    call = _Call(function)
    guest = Guest(
        name=call.name, description=inspect.getdoc(call.told) or "", run=lambda payload, ctx: call(payload, ctx, options),
        input_type=call.takes, output_type=call.returns, errors={},
    )  # fmt: skip
    return offer(guest, agent, skill, options)


class _Call:
    """A callable, and how to call it with a payload."""

    def __init__(self, function: Callable[..., Any]) -> None:
        plain = function.func if isinstance(function, functools.partial) else function
        routine = inspect.isroutine(plain)
        self.told = plain if routine else type(plain)
        self.name = getattr(plain, "__name__", type(plain).__name__)
        self._function = function
        body = plain if routine else type(plain).__call__
        try:
            hints = typing.get_type_hints(body)
        except NameError as error:
            raise HandlerInvalidError(f"The annotations of {self.name!r} cannot be resolved: {error}") from None
        wanted = _parameters(function)
        self._context = next((n for n in wanted if hints.get(n) is Context or (n not in hints and n == "ctx")), None)
        self._fields = [name for name in wanted if name != self._context]
        self.takes = self._input(wanted, hints)
        self._is_async = inspect.iscoroutinefunction(body)
        self._yields = inspect.isasyncgenfunction(body) or inspect.isgeneratorfunction(body)
        self.returns = _yielded(hints.get("return", Any)) if self._yields else hints.get("return", Any)

    async def __call__(self, payload: Any, ctx: Context, options: Offer) -> Any:
        given = options["prepare"](payload) if "prepare" in options else payload
        arguments = self._arguments(given, ctx)
        if self._yields:
            output = await self._told(self._function(**arguments), Teller(ctx))
        elif self._is_async:
            output = await self._function(**arguments)
        else:
            output = await asyncio.to_thread(self._function, **arguments)
        return options["extract"](output) if "extract" in options else output

    def _arguments(self, payload: Any, ctx: Context) -> dict[str, Any]:
        arguments = {} if self._context is None else {self._context: ctx}
        if len(self._fields) == 1:
            return arguments | {self._fields[0]: payload}
        return arguments | {name: getattr(payload, name) for name in self._fields}

    def _input(self, wanted: dict[str, inspect.Parameter], hints: dict[str, Any]) -> Any:
        if not self._fields:
            return Nothing
        if len(self._fields) == 1:
            return hints.get(self._fields[0], Any)
        fields = [
            (name, hints.get(name, Any)) if wanted[name].default is inspect.Parameter.empty
            else (name, hints.get(name, Any), wanted[name].default)
            for name in self._fields
        ]  # fmt: skip
        return msgspec.defstruct(_titled(self.name), fields, kw_only=True, forbid_unknown_fields=True)

    async def _told(self, said: Any, teller: Teller) -> Any:
        """Return all that a generator yields: text as one text, told while it grows; all else as a list."""
        pieces: list[Any] = []
        async for piece in said if hasattr(said, "__aiter__") else _from_thread(said):
            pieces.append(piece)
            if isinstance(piece, str):
                await teller.word(piece)
        if pieces and not all(isinstance(piece, str) for piece in pieces):
            return pieces
        return await teller.done("".join(pieces))


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    found = inspect.signature(function).parameters
    for name, parameter in found.items():
        if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
            raise HandlerInvalidError(f"{function!r} takes {parameter}: each parameter needs a name, so not {name!r}")
    bound = function.keywords if isinstance(function, functools.partial) else {}
    return {name: parameter for name, parameter in found.items() if name not in bound}


def _yielded(returns: Any) -> Any:
    """Return the type of a generator's answer: text where it yields text, else a list."""
    if getattr(typing.get_origin(returns), "__name__", "") not in _ITERATORS:
        return Any
    piece = typing.get_args(returns)[0]
    return str if piece is str else list.__class_getitem__(piece)


async def _from_thread(said: Iterator[Any]) -> AsyncIterator[Any]:
    context = contextvars.copy_context()
    while (piece := await asyncio.to_thread(context.run, _next, said)) is not _END:
        yield piece


def _next(said: Iterator[Any]) -> Any:
    return next(said, _END)


def _titled(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_")) or "Input"


__all__ = ["SkillTool", "serve", "tools"]
