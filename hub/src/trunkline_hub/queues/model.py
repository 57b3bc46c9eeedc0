"""Rules about queues. Pure."""

import msgspec

from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.resources import QueueDeclaration
from trunkline.protocol.subjects import can_name_reader

DEFAULT_ACK_WAIT_S = 30.0
DEFAULT_MAX_IN_FLIGHT = 10_000
MAX_ATTEMPTS = 1000
MAX_ACK_WAIT_S = 86400.0
MAX_IN_FLIGHT = 1_000_000


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A queue's settings with nothing left open."""

    retry: RetryPolicy
    ack_wait_s: float
    max_in_flight: int


def settle(name: str, wanted: QueueDeclaration, present: Settled | None = None) -> Settled:
    """Fill what was left out from `present` or the defaults, and check it all.

    Raises:
        RequestInvalidError: names each wrong field.
    """
    base = present or Settled(retry=RetryPolicy(), ack_wait_s=DEFAULT_ACK_WAIT_S, max_in_flight=DEFAULT_MAX_IN_FLIGHT)
    settled = Settled(
        retry=wanted.retry or base.retry,
        ack_wait_s=wanted.ack_wait_s if wanted.ack_wait_s is not None else base.ack_wait_s,
        max_in_flight=wanted.max_in_flight if wanted.max_in_flight is not None else base.max_in_flight,
    )
    problems = []
    if not can_name_reader(name):
        problems.append(FieldError("/name", "letters, digits, '_', '.', '-'; at most 127"))
    if not 1 <= settled.retry.max_attempts <= MAX_ATTEMPTS:
        problems.append(FieldError("/retry/max_attempts", f"must be 1 to {MAX_ATTEMPTS}"))
    if not 1 <= settled.ack_wait_s <= MAX_ACK_WAIT_S:
        problems.append(FieldError("/ack_wait_s", f"must be 1 to {MAX_ACK_WAIT_S:g}"))
    if not 1 <= settled.max_in_flight <= MAX_IN_FLIGHT:
        problems.append(FieldError("/max_in_flight", f"must be 1 to {MAX_IN_FLIGHT}"))
    if problems:
        raise RequestInvalidError(errors=problems)
    return settled
