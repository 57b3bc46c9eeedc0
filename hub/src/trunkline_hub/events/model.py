"""Rules about events and the groups that follow them. Pure."""

import re
from datetime import datetime
from typing import Any

from trunkline.protocol import error_rules
from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.trace import trace_id
from trunkline_hub.core.lookup import Lookup

DEFAULT_ACK_WAIT_S = 30.0
MAX_IN_FLIGHT = 10_000
MAX_ACK_WAIT_S = 86400.0
OF_A_HANDLER = "~"
"""What the names of declared handlers' groups begin with; no agent can name one so."""
MAX_BATCH = 1000
"""Events in one request."""
_MAX_SEQ_DIGITS = 18
_TYPE = re.compile(r"[^\s*>]{1,255}")


def check_type(event_type: str) -> None:
    """Refuse types that cannot be subjects.

    Raises:
        RequestInvalidError
    """
    if not _TYPE.fullmatch(event_type):
        detail = "must be 1 to 255 characters without spaces, '*' or '>'"
        raise RequestInvalidError(errors=[FieldError("/type", detail)])


def place(text: str) -> int | None:
    """Return the place in the log that `text` names, or None where it names none."""
    fits = text.isascii() and text.isdigit() and len(text) <= _MAX_SEQ_DIGITS
    return int(text) or None if fits else None


def check_group(pointer: str, retry: RetryPolicy, ack_wait_s: float) -> None:
    """Refuse what the broker cannot keep.

    Raises:
        RequestInvalidError
    """
    problems = error_rules.problems(retry, f"{pointer}/retry")
    if not 1 <= ack_wait_s <= MAX_ACK_WAIT_S:
        problems.append(FieldError(f"{pointer}/ack_wait_s", f"must be 1 to {MAX_ACK_WAIT_S:g}"))
    if problems:
        raise RequestInvalidError(errors=problems)


def matches(event: dict[str, Any], sender: str, stored_at: datetime, wanted: Lookup) -> bool:
    """Whether an event passes the conditions that subjects cannot express."""
    of_transaction = {event.get("correlationid"), event.get("id")}
    trace = event.get("traceparent")
    return (
        (wanted.subject is None or event.get("subject") == wanted.subject)
        and (wanted.id is None or event.get("id") == wanted.id)
        and (wanted.sender is None or sender == wanted.sender)
        and (wanted.correlation_id is None or wanted.correlation_id in of_transaction)
        and (wanted.trace_id is None or trace_id(trace if isinstance(trace, str) else None) == wanted.trace_id)
        and (wanted.since is None or stored_at >= wanted.since)
        and (wanted.until is None or stored_at < wanted.until)
    )
