"""Where a queue's message belongs as the queue lies now, whoever stored or carried it before. Pure."""

from datetime import datetime

import msgspec

from trunkline.protocol import queueing
from trunkline.protocol.expiry import expirytime
from trunkline.protocol.queueing import NORMAL, Layout, Spot


class _Addressed(msgspec.Struct):
    """What of a message says where it belongs."""

    id: str = ""
    partitionkey: str | None = None
    priority: str | None = None


def address(spot: Spot, layout: Layout, raw: bytes, *, otherwise: str) -> tuple[str, str]:
    """Return (stream, subject) for a message; `spot` tells its queue, its sender, and the class it had.

    The envelope's word comes first; a class that the queue does not have (any
    more) is `normal`. `otherwise` spreads what has neither key nor id.
    """
    said = _addressed(raw)
    wanted = said.priority or spot.priority
    priority = wanted if wanted in layout.classes else NORMAL
    place = queueing.place(layout, priority, said.partitionkey or said.id or otherwise)
    stream = queueing.stream(spot.workspace, spot.queue, layout)
    return stream, queueing.address(spot.workspace, spot.queue, place, spot.principal)


def new_spot(workspace: str, queue: str, sender: str) -> Spot:
    """Return the spot of a message that comes from outside of any queue."""
    return Spot(workspace=workspace, limited=False, queue=queue, priority=NORMAL, partition="0", principal=sender)


def with_expiry(raw: bytes, expires_after_s: float, now: datetime) -> bytes:
    """Return a message with its queue's expiry written into it, unless it says its own; nothing else is touched."""
    if not expires_after_s:
        return raw
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw
    if "expirytime" in fields:
        return raw
    moment = expirytime(None, None, expires_after_s, now.timestamp())
    return msgspec.json.encode({**fields, "expirytime": moment})


def _addressed(raw: bytes) -> _Addressed:
    try:
        return msgspec.json.decode(raw, type=_Addressed)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Addressed()
