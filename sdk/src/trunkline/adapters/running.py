"""What surrounds a framework's run: whose message it is, how long anybody waits, and which trace it belongs to."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from trunkline.context import Context

current_run: ContextVar[Context | None] = ContextVar("trunkline_run", default=None)
"""The message that a framework's agent works on in this task, for the tools it uses."""


@contextmanager
def running(context: Context) -> Iterator[None]:
    """Let tools know whom they work for, and let the framework's own spans join the message's trace."""
    token = current_run.set(context)
    try:
        with _joined(context.traceparent):
            yield
    finally:
        current_run.reset(token)


def patience(context: Context | None, wanted_s: float) -> float:
    """Return how long a nested call may take: never longer than the caller waits."""
    remaining = context.remaining_s if context is not None else None
    return wanted_s if remaining is None else min(wanted_s, remaining)


def is_on_record(context: Context) -> bool:
    """Whether this is a task with a record, and not a plain call."""
    return context.key is not None


def conversation(context: Context) -> str:
    """Return what joins the runs of one conversation."""
    return context.task.context_id if is_on_record(context) else context.correlation_id


@contextmanager
def _joined(traceparent: str | None) -> Iterator[None]:
    tracing = _tracing()
    if tracing is None or traceparent is None:
        yield
        return
    contexts, carrier = tracing
    token = contexts.attach(carrier.extract({"traceparent": traceparent}))
    try:
        yield
    finally:
        contexts.detach(token)


@lru_cache(maxsize=1)
def _tracing() -> tuple[Any, Any] | None:
    """Return OpenTelemetry's contexts and its reader of `traceparent`, where a framework brought it."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.context") is None:
        return None
    carrier = import_module("opentelemetry.trace.propagation.tracecontext")
    return import_module("opentelemetry.context"), carrier.TraceContextTextMapPropagator()
