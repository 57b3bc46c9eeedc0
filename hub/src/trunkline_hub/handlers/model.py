"""Rules about handlers, and what they ask of an event. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from trunkline.payloads import Codec
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import FieldError, HandlerLoopError, MessageError, RequestInvalidError
from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.resources import HandlerAction, HandlerDeclaration
from trunkline_hub.core.filters import Facts, Filter
from trunkline_hub.core.patterns import check_patterns
from trunkline_hub.events.model import OF_A_HANDLER

HEADER_HOPS = "Tl-Hops"
"""Routes and handlers that an event has been through, so that none takes it twice."""
MAX_HOPS = 16
MAX_CONCURRENCY = 1000
MAX_ATTEMPTS = 1000
MAX_TIMEOUT_S = 300.0
SCOPES: Mapping[HandlerAction, str] = {"call": "agents:call", "enqueue": "queues:enqueue", "publish": "events:publish"}
"""Who declares a handler must be allowed to do what it does."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_TARGET = re.compile(r"[^\s*>]{1,255}")
_CORE = frozenset({"specversion", "id", "source", "type", "subject", "time", "data", "data_base64"})
_ANY = Codec(Any)
_NAMED = [name for name in ce.Envelope.__struct_fields__ if name not in _CORE]


def group_of(name: str) -> str:
    """Return the group that is a handler's place in the log."""
    return OF_A_HANDLER + name


def check(name: str, wanted: HandlerDeclaration) -> list[str]:
    """Return the type patterns that a handler follows.

    Raises:
        RequestInvalidError
        HandlerLoopError: it would take what it publishes.
    """
    problems: list[FieldError] = []
    if not _NAME.fullmatch(name):
        problems.append(FieldError("/name", "must be 1 to 63 letters, digits, '_', '.', '-'"))
    if not _TARGET.fullmatch(wanted.target):
        problems.append(FieldError("/target", "must be 1 to 255 characters without spaces, '*' or '>'"))
    if wanted.agent is not None and wanted.action != "call":
        problems.append(FieldError("/agent", "only a call goes to an agent"))
    if not 1 <= wanted.concurrency <= MAX_CONCURRENCY:
        problems.append(FieldError("/concurrency", f"must be 1 to {MAX_CONCURRENCY}"))
    if not 0 < wanted.timeout_s <= MAX_TIMEOUT_S:
        problems.append(FieldError("/timeout_s", f"must be above 0 and at most {MAX_TIMEOUT_S:g}"))
    if not 1 <= retry_of(wanted).max_attempts <= MAX_ATTEMPTS:
        problems.append(FieldError("/retry/max_attempts", f"must be 1 to {MAX_ATTEMPTS}"))
    if problems:
        raise RequestInvalidError(errors=problems)
    Filter(wanted.match)
    types = check_patterns(wanted.match.types, "/match/types")
    if wanted.action == "publish" and any(subjects.matches(pattern, wanted.target) for pattern in types):
        raise HandlerLoopError(f"{wanted.target!r} is one of {', '.join(types)}")
    return types


def retry_of(wanted: HandlerDeclaration) -> RetryPolicy:
    return wanted.retry or RetryPolicy()


def facts_of(message: ce.Envelope, sender: str, extensions: Mapping[str, Any], takes: Filter) -> Facts:
    """Return what a match may ask about an event; payload and attributes only where it does."""
    data = readable(message) if takes.needs_data and message.dataref is None else None
    attributes: dict[str, Any] = {}
    if takes.needs_attributes:
        attributes = {name: value for name in _NAMED if (value := getattr(message, name)) is not None}
        attributes |= extensions
    return Facts(
        type=message.type,
        source=message.source,
        subject=message.subject,
        sender=sender,
        attributes=attributes,
        data=data,
    )


def readable(message: ce.Envelope) -> Any:
    """Return the payload as conditions see it; what is in no known format is as good as absent."""
    try:
        return _ANY.read(message)
    except MessageError:
        return None


def onward(workspace: str, name: str, wanted: HandlerDeclaration, message: ce.Envelope) -> ce.Envelope:
    """Return what a handler sends for an event: linked to it, and with the same id whenever it is sent again."""
    types = {"call": f"call.{wanted.target}", "enqueue": f"task.{wanted.target}", "publish": wanted.target}
    source = f"/{workspace}/handlers/{name}"
    return ce.caused_by(message, type=types[wanted.action], source=source, id=f"{message.id}.{name}")


def hops_after(headers: Mapping[str, str], hop: str) -> str | None:
    """Return the hops of what is sent on, or None where that would go in circles."""
    hops = [one for one in headers.get(HEADER_HOPS, "").split(",") if one]
    return None if hop in hops or len(hops) >= MAX_HOPS else ",".join([*hops, hop])
