"""Long waits between attempts: the message leaves its queue as a copy that the hub brings back.

A message given back with a delay keeps its place among those in flight, and a
queue has only so many. So what waits longer than a minute is stored where the
hub takes it over (`docs/decisions/0011`), and its original is terminated; the
copy counts attempts on. Where that does not work out, the original waits.
"""

import logging
from datetime import UTC, datetime, timedelta

from trunkline.client import Client
from trunkline.delivery import Delivery
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import TrunklineError
from trunkline.wire import header_lines

_log = logging.getLogger("trunkline.agent")

LONG_S = 60.0
"""Shorter waits are the broker's own: a delayed message in flight costs nothing else."""
MAX_S = 366 * 86400.0
HEADROOM_BYTES = 8192
"""Room under the broker's limit for what the hub adds on the message's way."""
REASON = "deferred"
_CONTROL = ("nats-", "tl-subject", "tl-attempt", "tl-origin-seq", "tl-due")


async def put_off(client: Client, frame: frames.Reader, delivery: Delivery, wait_s: float) -> bool:
    """Have the message of `delivery` come back after a long wait; False where it must wait in its queue."""
    if wait_s <= LONG_S or _keeps_order(frame):
        return False
    headers = header_lines(deferred_headers(delivery, min(wait_s, MAX_S)))
    if len(delivery.payload) + len(headers) + HEADROOM_BYTES > client.bus.max_payload:
        return False
    try:
        await client.store(
            subjects.deferred_stream(client.workspace),
            subjects.deferred(client.workspace, client.principal, frame.lane, frame.name),
            delivery.payload,
            msg_id=f"{frame.stream}:{frame.consumer}:{delivery.stream_seq}",
            headers=headers,
        )
    except TrunklineError as error:
        _log.warning("could not put a message off; it waits in %s instead: %s", frame.stream, error)
        return False
    delivery.term(REASON)
    return True


def _keeps_order(frame: frames.Reader) -> bool:
    """Whether what comes after the message, of the same key, must wait for it."""
    return any(lane.partition is not None for lane in frame.lanes)


def deferred_headers(delivery: Delivery, wait_s: float) -> dict[str, str]:
    """Return the headers of a copy: the message's own, and how to bring it back."""
    kept = {name: value for name, value in delivery.headers.items() if not name.lower().startswith(_CONTROL)}
    due = datetime.now(UTC) + timedelta(seconds=wait_s)
    return kept | {
        frames.HEADER_SUBJECT: delivery.subject,
        frames.HEADER_DUE: due.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        frames.HEADER_ATTEMPT: str(delivery.attempt + 1),
        frames.HEADER_ORIGIN_SEQ: str(delivery.origin_seq),
    }
