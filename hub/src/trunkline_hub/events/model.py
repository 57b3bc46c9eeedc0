"""Rules about events and the groups that follow them. Pure."""

import re

from trunkline.protocol.errors import FieldError, RequestInvalidError

DEFAULT_ACK_WAIT_S = 30.0
MAX_IN_FLIGHT = 10_000
MAX_ATTEMPTS = 1000
MAX_ACK_WAIT_S = 86400.0
_TYPE = re.compile(r"[^\s*>]{1,255}")


def check_type(event_type: str) -> None:
    """Refuse types that cannot be subjects.

    Raises:
        RequestInvalidError
    """
    if not _TYPE.fullmatch(event_type):
        detail = "must be 1 to 255 characters without spaces, '*' or '>'"
        raise RequestInvalidError(errors=[FieldError("/type", detail)])


def check_group(pointer: str, max_attempts: int, ack_wait_s: float) -> None:
    """Refuse what the broker cannot keep.

    Raises:
        RequestInvalidError
    """
    problems: list[FieldError] = []
    if not 1 <= max_attempts <= MAX_ATTEMPTS:
        problems.append(FieldError(f"{pointer}/retry/max_attempts", f"must be 1 to {MAX_ATTEMPTS}"))
    if not 1 <= ack_wait_s <= MAX_ACK_WAIT_S:
        problems.append(FieldError(f"{pointer}/ack_wait_s", f"must be 1 to {MAX_ACK_WAIT_S:g}"))
    if problems:
        raise RequestInvalidError(errors=problems)
