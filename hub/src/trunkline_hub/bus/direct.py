"""Reading stored messages in bulk without a consumer (ADR-31): on a work queue it is the only way to look on."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from trunkline.protocol.errors import BusUnavailableError, ClientClosedError
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.log import Stored, read_one

_TIMEOUT_S = 5.0
_MAX_BYTES = 4 * 2**20
_LAST = frozenset({"204", "404"})
"""204: that was the last one; 404: there is none."""
_MAX_RUN = 1000
_SPARSE = 8
"""Where fewer than one in so many messages is wanted, each is asked for by itself."""
_INTERNAL = frozenset(
    {"Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Num-Pending", "Nats-Last-Sequence"}
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """Some stored messages in order, and how many of the same filter lie behind them."""

    messages: list[Stored]
    behind: int


async def read_run(
    bus: HubBus, stream: str, filter_subject: str, *, from_seq: int = 1, since: datetime | None = None, limit: int
) -> Run:
    """Return up to `limit` messages at or after `from_seq` (or `since`); fewer where they are large."""
    wanted = {"batch": limit, "max_bytes": _MAX_BYTES, "next_by_subj": filter_subject}
    wanted |= {"seq": max(1, from_seq)} if since is None else {"start_time": since.isoformat()}
    client = _client(bus)
    gathering = _Gathering()
    subscription: Subscription | None = None
    try:
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox, cb=gathering.take, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await client.publish(f"$JS.API.DIRECT.GET.{stream}", msgspec.json.encode(wanted), reply=inbox)
        async with asyncio.timeout(_TIMEOUT_S):
            return await gathering.run
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"Stored messages could not be read: {error}") from None
    finally:
        if subscription is not None:
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()


async def read_many(bus: HubBus, stream: str, filter_subject: str, seqs: list[int]) -> dict[int, Stored]:
    """Return the messages at `seqs`, all under one subject, by sequence; those that are gone are left out."""
    left = sorted(seqs)
    found: dict[int, Stored] = {}
    while left:
        if left[-1] - left[0] >= _SPARSE * len(left):
            singles = await asyncio.gather(*(read_one(bus, stream, seq) for seq in left))
            return found | {message.seq: message for message in singles if message is not None}
        limit = min(_MAX_RUN, left[-1] - left[0] + 1)
        run = (await read_run(bus, stream, filter_subject, from_seq=left[0], limit=limit)).messages
        wanted = set(left)
        found |= {message.seq: message for message in run if message.seq in wanted}
        reached = run[-1].seq if len(run) > 0 else left[-1]
        left = [seq for seq in left if seq > reached]
    return found


async def count(bus: HubBus, stream: str, filter_subject: str) -> int:
    """Count the messages under a subject."""
    found = await read_run(bus, stream, filter_subject, limit=1)
    return len(found.messages) + found.behind


async def remove(bus: HubBus, stream: str, seqs: list[int]) -> int:
    """Take messages out of a stream; how many were still there."""
    client = _client(bus)

    async def one(seq: int) -> bool:
        body = b'{"seq":%d,"no_erase":true}' % seq
        answer = await client.request(f"$JS.API.STREAM.MSG.DELETE.{stream}", body, timeout=_TIMEOUT_S)
        return b'"success":true' in answer.data

    try:
        return sum(await asyncio.gather(*(one(seq) for seq in seqs)))
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"Messages could not be removed: {error}") from None


async def purge(bus: HubBus, stream: str, filter_subject: str, *, up_to: int) -> int:
    """Drop every message under a subject up to the sequence `up_to`; how many."""
    body = msgspec.json.encode({"filter": filter_subject, "seq": up_to + 1})
    try:
        answer = await _client(bus).request(f"$JS.API.STREAM.PURGE.{stream}", body, timeout=60.0)
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The stream could not be purged: {error}") from None
    return int(msgspec.json.decode(answer.data).get("purged", 0))


class _Gathering:
    """Takes the broker's answers one by one until it says that there are no more."""

    def __init__(self) -> None:
        self.run: asyncio.Future[Run] = asyncio.get_running_loop().create_future()
        self._found: list[Stored] = []
        self._behind = 0

    async def take(self, msg: Msg) -> None:
        headers = msg.headers or {}
        status = headers.get("Status")
        if status is None:
            self._behind = int(headers["Nats-Num-Pending"])
            self._found.append(_stored(msg))
        elif self.run.done():
            return
        elif status in _LAST:
            self.run.set_result(Run(messages=self._found, behind=self._behind))
        else:
            refusal = BusUnavailableError(f"The broker answered {status} {headers.get('Description', '')}")
            self.run.set_exception(refusal)


def _stored(msg: Msg) -> Stored:
    headers = msg.headers or {}
    return Stored(
        seq=int(headers["Nats-Sequence"]), subject=headers["Nats-Subject"], payload=msg.data,
        headers={name: value for name, value in headers.items() if name not in _INTERNAL},
        stored_at=datetime.fromisoformat(headers["Nats-Time-Stamp"]),
    )  # fmt: skip


def _client(bus: HubBus) -> Client:
    try:
        return bus.bus.client
    except ClientClosedError:
        raise BusUnavailableError("The hub is not connected to the broker") from None
