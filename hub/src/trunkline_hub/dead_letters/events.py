"""Facts handled: what workers wrote to the dead-letter and attempt streams enters the index."""

from typing import Any, ClassVar

import msgspec

from trunkline.delivery import Delivery
from trunkline.protocol.frames import Attempt
from trunkline.protocol.ids import new_id
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.observer import Observer, Streams
from trunkline_hub.db import Database, Tx
from trunkline_hub.dead_letters import model, store

_MAX_BIGINT = 2**63 - 1
_MAX_INTEGER = 2**31 - 1


class DeadLetterIndex(Observer):
    """Writes every dead letter into the index, and publishes that it died."""

    name: ClassVar[str] = "dead-letter-index"
    durable: ClassVar[str] = "hub_dead_letter_index"

    def __init__(self, bus: HubBus, streams: Streams, db: Database) -> None:
        super().__init__(bus, streams, self._index)
        self._db = db

    async def _index(self, batch: list[Delivery]) -> None:
        async with self._db.write() as tx:
            for workspace, deliveries in _by_workspace(batch).items():
                fresh = await _unknown(tx, store.dead_letters, workspace, deliveries)
                rows = [_letter_row(tx, delivery) for delivery in fresh]
                if rows:
                    await store.insert(tx, store.dead_letters, rows)
                for row in rows:
                    await tx.emit(workspace, "trunkline.dead_letter.added", _fact(row), subject=row["id"])


class AttemptIndex(Observer):
    """Writes every failed attempt into the index."""

    name: ClassVar[str] = "attempt-index"
    durable: ClassVar[str] = "hub_attempt_index"

    def __init__(self, bus: HubBus, streams: Streams, db: Database) -> None:
        super().__init__(bus, streams, self._index)
        self._db = db

    async def _index(self, batch: list[Delivery]) -> None:
        async with self._db.write() as tx:
            for workspace, deliveries in _by_workspace(batch).items():
                fresh = await _unknown(tx, store.attempts, workspace, deliveries)
                rows = [row for delivery in fresh if (row := _attempt_row(delivery)) is not None]
                if rows:
                    await store.insert(tx, store.attempts, rows)


def _by_workspace(batch: list[Delivery]) -> dict[str, list[Delivery]]:
    found: dict[str, list[Delivery]] = {}
    for delivery in batch:
        workspace, _lane, _reader = model.reader_of(delivery.subject)
        found.setdefault(workspace, []).append(delivery)
    return found


async def _unknown(tx: Tx, table: Any, workspace: str, deliveries: list[Delivery]) -> list[Delivery]:
    known = await store.known(tx, table, workspace, [delivery.stream_seq for delivery in deliveries])
    fresh = {d.stream_seq: d for d in deliveries if d.stream_seq not in known}
    return list(fresh.values())


def _letter_row(tx: Tx, delivery: Delivery) -> dict[str, Any]:
    corpse = model.examine(delivery.subject, delivery.payload, delivery.headers)
    return {
        "id": new_id(), "workspace_id": corpse.workspace, "seq": delivery.stream_seq, "lane": corpse.lane,
        "reader": corpse.reader, "subject": corpse.subject, "stream_seq": corpse.stream_seq,
        "message_id": corpse.message_id, "type": corpse.type, "sender": corpse.sender, "reason": corpse.reason,
        "error": corpse.error, "attempts": corpse.attempts, "size_bytes": corpse.size_bytes,
        "traceparent": corpse.traceparent, "redrive_of": corpse.redrive_of, "died_at": tx.clock.now(),
    }  # fmt: skip


def _fact(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "lane", "reader", "message_id", "type", "reason", "error")}


def _attempt_row(delivery: Delivery) -> dict[str, Any] | None:
    """Return the row, or None for a record that is not one: anyone may write to the stream of its own reader."""
    workspace, lane, reader = model.reader_of(delivery.subject)
    try:
        record = msgspec.json.decode(delivery.payload, type=Attempt)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not (0 <= record.stream_seq <= _MAX_BIGINT and 0 <= record.number <= _MAX_INTEGER):
        return None
    return {
        "workspace_id": workspace, "seq": delivery.stream_seq, "lane": lane, "reader": reader,
        "stream_seq": record.stream_seq, "number": record.number, "record": msgspec.to_builtins(record),
    }  # fmt: skip
