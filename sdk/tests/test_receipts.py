"""Receipts: what is noted, what is only counted, what it must not cost."""

from trunkline.delivery import Delivery
from trunkline.protocol import envelope as ce
from trunkline.protocol.receipts import DEAD, FAILED, HANDLED
from trunkline.receipts import MAX_BATCH, Book

STORED_NS = 1_795_000_000_123_456_789


class NoBus:
    def write(self, lines: bytes) -> None: ...


def delivery(payload: bytes = b"", *, lane: str = "tasks", seq: int = 7, version: int = 1, headers=None) -> Delivery:
    prefix = "$JS.ACK" if version == 1 else "$JS.ACK._.hash"
    tail = "" if version == 1 else ".random"
    reply = f"{prefix}.TASKS_default.q_q.2.{seq}.{seq}.{STORED_NS}.0{tail}"
    return Delivery(NoBus(), "tl.default.tasks.q.normal.0.shop", reply, payload, headers or {}, seq, 2, 0.0)


def message(**changes) -> ce.Envelope:
    return ce.new_envelope(type="task.q", source="/default/shop", data=b"1", **changes)


def taken(book: Book):
    return book.take("agent", "instance", "1.0.0")


def test_a_receipt_of_work_tells_what_a_queue_forgets():
    book = Book("queue", "q", 1.0)
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    sent = message(correlationid="c", causationid="d", traceparent=trace, subject="order/1")
    for version in (1, 2):
        book.settled(delivery(ce.encode(sent), version=version), sent, 0.0, HANDLED, attempt=2)
    ((batch),) = taken(book)
    assert (batch.agent, batch.instance, batch.version, batch.skipped) == ("agent", "instance", "1.0.0", 0)
    for receipt in batch.receipts:
        assert (receipt.id, receipt.type, receipt.seq, receipt.attempt) == (sent.id, "task.q", 7, 2)
        assert receipt.stored_us == STORED_NS // 1000
        assert (receipt.correlation, receipt.causation, receipt.trace_id) == ("c", "d", "a" * 32)
        assert (receipt.sender, receipt.source, receipt.subject) == ("shop", "/default/shop", "order/1")
        assert receipt.sent_at == sent.time and receipt.outcome == HANDLED


def test_what_did_not_decode_is_known_by_the_brokers_id():
    book = Book("queue", "q", 1.0)
    book.settled(delivery(b"not json", headers={"Nats-Msg-Id": "shop:1"}), None, 0.0, DEAD, attempt=1)
    assert [(r.id, r.outcome, r.sender) for r in taken(book)[0].receipts] == [("shop:1", DEAD, "shop")]


def test_above_the_rate_successes_are_counted_and_failures_kept():
    book = Book("group", "g", 1.0)
    for _ in range(3000):
        book.settled(delivery(), message(), 0.0, HANDLED, attempt=1)
    for _ in range(20):
        book.settled(delivery(ce.encode(message())), None, 0.0, FAILED, attempt=1)
    batches = taken(book)
    receipts = [receipt for batch in batches for receipt in batch.receipts]
    assert all(len(batch.receipts) <= MAX_BATCH for batch in batches)
    assert sum(r.outcome == FAILED for r in receipts) == 20
    assert 0 < len(receipts) - 20 < 3000
    assert sum(batch.skipped for batch in batches) == 3000 - (len(receipts) - 20)
    assert taken(book) == []
    book.settled(delivery(), message(), 0.0, HANDLED, attempt=1)
    assert len(taken(book)[0].receipts) == 1


def test_a_share_keeps_whole_transactions():
    book = Book("queue", "q", 0.3)
    for n in range(400):
        for _ in range(2):
            book.settled(delivery(), message(correlationid=f"transaction-{n}"), 0.0, HANDLED, attempt=1)
    (batch,) = taken(book)
    kept = [receipt.correlation for receipt in batch.receipts]
    assert 60 < len(set(kept)) < 180
    assert all(kept.count(correlation) == 2 for correlation in set(kept))
    assert batch.skipped == 800 - len(kept)
