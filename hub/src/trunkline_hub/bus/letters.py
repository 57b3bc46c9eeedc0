"""Dead letters that the hub itself writes, for messages no worker could or should settle."""

from trunkline.protocol import frames, subjects
from trunkline.protocol.frames import Ack
from trunkline.wire import header_lines
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.log import Stored

_INTERNAL = "Nats-"


async def write_letter(
    bus: HubBus, workspace: str, reader: tuple[subjects.Lane, str], message: Stored, *, reason: str, error: str,
    stream: str, headers: dict[str, str] | None = None,
) -> Ack:  # fmt: skip
    """Store a dead letter for a message of `reader`; a worker's own letter for it would be the same one."""
    lane, name = reader
    kept = {name: value for name, value in message.headers.items() if not name.startswith(_INTERNAL)}
    written = kept | {
        frames.HEADER_SUBJECT: message.subject,
        frames.HEADER_STREAM_SEQ: str(message.seq),
        frames.HEADER_REASON: reason,
        frames.HEADER_ERROR: error,
    }
    return await bus.store(
        subjects.dead_stream(workspace), subjects.dead(workspace, subjects.HUB, lane, name), message.payload,
        msg_id=f"{stream}:{subjects.consumer(lane, name)}:{message.seq}",
        headers=header_lines(written | (headers or {})),
    )  # fmt: skip
