"""Dead letters that the hub itself writes, for messages no worker could or should settle."""

from trunkline.delivery import first_attempt, origin_seq
from trunkline.protocol import frames, subjects
from trunkline.protocol.frames import Ack
from trunkline.wire import header_lines
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.log import Stored

_CONTROL = ("nats-", "tl-")
_KEPT = frozenset({frames.HEADER_REDRIVE_OF, frames.HEADER_EDITED_BY, frames.HEADER_UNPROVEN, frames.HEADER_REPLAY})
"""Of the protocol's own headers, those that belong to the message; any other would be its sender's word on its end."""


async def write_letter(
    bus: HubBus, reader: tuple[subjects.Lane, str], message: Stored, *, reason: str, error: str,
    stream: str, deliveries: int = 0, headers: dict[str, str] | None = None,
) -> Ack:  # fmt: skip
    """Store a dead letter for a message of `reader`; a worker's own letter for it would be the same one.

    `deliveries` are those of this copy; the attempts at copies before it are added.
    """
    (lane, name), workspace = reader, subjects.workspace_of(message.subject)
    written = own_headers(message.headers) | {
        frames.HEADER_SUBJECT: message.subject,
        frames.HEADER_STREAM_SEQ: str(origin_seq(message.headers, message.seq)),
        frames.HEADER_DELIVERIES: str(first_attempt(message.headers) - 1 + deliveries),
        frames.HEADER_REASON: reason,
        frames.HEADER_ERROR: error,
    }
    return await bus.store(
        subjects.dead_stream(workspace), subjects.dead(workspace, subjects.HUB, lane, name), message.payload,
        msg_id=f"{stream}:{subjects.consumer(lane, name)}:{message.seq}",
        headers=header_lines(written | (headers or {})),
    )  # fmt: skip


def own_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return what of a stored message's headers is its own: neither the broker's nor a word on its delivery."""
    return {name: value for name, value in headers.items() if name in _KEPT or not name.lower().startswith(_CONTROL)}
