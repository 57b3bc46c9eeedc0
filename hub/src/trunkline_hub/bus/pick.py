"""Reading chosen messages out of a stream, by their places."""

import asyncio
from collections.abc import Sequence

import nats.errors
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from trunkline.protocol.errors import BusUnavailableError
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.log import Stored, read_forward, read_one

_FEW = 20
_DENSE = 2
"""Where at least every second place is wanted, reading them in a row is cheaper."""


async def read_many(bus: HubBus, stream: str, seqs: Sequence[int]) -> list[Stored]:
    """Return the messages at `seqs`, in that order; those that have left the stream are left out.

    Raises:
        BusUnavailableError
    """
    if not seqs:
        return []
    first, last = min(seqs), max(seqs)
    span = last - first + 1
    if len(seqs) > _FEW and span <= len(seqs) * _DENSE:
        row = await read_forward(bus, stream, [], after_seq=first - 1, limit=span)
        found: dict[int, Stored | None] = {message.seq: message for message in row}
    else:
        found = dict(zip(seqs, await asyncio.gather(*(_pick(bus, stream, seq) for seq in seqs)), strict=True))
    return [message for seq in seqs if (message := found.get(seq)) is not None]


async def _pick(bus: HubBus, stream: str, seq: int) -> Stored | None:
    try:
        raw = await bus.js().get_msg(stream, seq, direct=True)
    except NotFoundError:
        return await read_one(bus, stream, seq)  # a copy that lags says so too; the leader knows
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The log could not be read: {error}") from None
    return _stored(raw, seq)


def _stored(raw: RawStreamMsg, seq: int) -> Stored | None:
    if raw.time is None:
        return None
    headers = {name: str(value) for name, value in (raw.headers or {}).items()}
    return Stored(
        seq=raw.seq or seq, subject=raw.subject or "", payload=raw.data or b"", headers=headers, stored_at=raw.time
    )
