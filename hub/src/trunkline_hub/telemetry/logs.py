"""Structured logs: one event name and its facts a line, with the trace and request they belong to."""

import logging
import sys

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from trunkline.protocol.trace import current_traceparent, trace_id
from trunkline_hub.telemetry.settings import TelemetrySettings


def configure_logs(settings: TelemetrySettings) -> None:
    """Route structlog and the standard library through one renderer to stderr."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _add_trace,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Processor] = (
        [_tracebacks(), structlog.processors.JSONRenderer()] if _wants_json(settings) else [_console()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("uvicorn.access", "nats", "alembic", "litestar"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _console() -> Processor:
    plain = structlog.dev.RichTracebackFormatter(show_locals=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)


def _tracebacks() -> Processor:
    """Tracebacks as data, without local variables: those hold payloads and secrets."""
    return structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def _wants_json(settings: TelemetrySettings) -> bool:
    if settings.log_format == "auto":
        return not sys.stderr.isatty()
    return settings.log_format == "json"


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    trace = trace_id(current_traceparent.get())
    if trace is not None:
        event["trace_id"] = trace
    return event
