"""What receipts add up to: windows, quantiles, names, bounds; and whom an actor is."""

import msgspec
import pytest
from trunkline.protocol import subjects
from trunkline.protocol.receipts import FAILED, HANDLED, Receipt, ReceiptBatch
from trunkline_hub.agents.model.roster import Member
from trunkline_hub.insights import model
from trunkline_hub.insights.model import Actor, Edge, Roster, Tally, Traffic, ends_of

NOW = 1_790_000_000 * 1_000_000


def member(name, owner=None):
    return Member(name, owner or name, "1", "", "sdk", "healthy", 1)


def batch(*receipts, agent="baker", skipped=0):
    return msgspec.json.encode(
        ReceiptBatch(agent=agent, instance="i", version="1", receipts=list(receipts), skipped=skipped)
    )


def receipt(sender="shop", source="/w/agents/shop", *, outcome=HANDLED, took_us=1000, type="order.created", id="m"):
    return Receipt(id=id, type=type, sender=sender, source=source, outcome=outcome, duration_us=took_us)


def on(lane, reader, principal="baker"):
    return subjects.receipts("w", principal, lane, reader)


def test_a_window_holds_its_seconds_and_no_more():
    edge = Edge()
    for age_s in (10, 100, 800, 2000):
        edge.add(NOW - age_s * 1_000_000, "x", 1000, weight=1, failed=False)
    assert [edge.over(NOW, window).count for window in model.WINDOWS] == [1, 2, 3]
    assert not edge.forget(NOW)
    assert [edge.over(NOW, window).count for window in model.WINDOWS] == [1, 2, 3]
    assert edge.forget(NOW + 1000 * 1_000_000)
    assert not edge.coarse and not edge.fine


@pytest.mark.parametrize("took_us", [80, 1_000, 25_000, 4_000_000, 90_000_000])
def test_a_quantile_is_within_a_tenth(took_us):
    tally = Tally()
    for _ in range(90):
        tally.add(took_us, weight=1, failed=False)
    for _ in range(10):
        tally.add(took_us * 50, weight=1, failed=False)
    assert tally.quantile_ms(0.5) == pytest.approx(took_us / 1000, rel=0.1)
    assert tally.quantile_ms(0.95) == pytest.approx(took_us * 50 / 1000, rel=0.1)
    assert Tally().quantile_ms(0.5) is None


def test_each_lane_has_edges_of_its_own():
    traffic = Traffic()
    traffic.apply(NOW, on("call", "bake"), batch(receipt()))
    traffic.apply(NOW, on("group", "billing"), batch(receipt(outcome=FAILED), receipt()))
    traffic.apply(NOW, on("queue", "jobs"), batch(receipt()))
    traffic.apply(NOW, on("queue", "agent.baker"), batch(receipt()))
    roster = Roster([member("shop"), member("baker")])
    found = {(key.kind, *ends_of(key, roster)): edge.over(NOW, 60) for key, edge in traffic.edges.items()}
    assert {key: (tally.count, tally.failed) for key, tally in found.items()} == {
        ("call", "agent:shop", "agent:baker"): (1, 0),
        ("event", "agent:shop", "agent:baker"): (2, 1),
        ("queue", "agent:shop", "queue:jobs"): (1, 0),
        ("queue", "queue:jobs", "agent:baker"): (1, 0),
        ("task", "agent:shop", "agent:baker"): (1, 0),
    }


def test_what_was_only_counted_is_shared_among_what_was_noted():
    traffic = Traffic()
    traffic.apply(NOW, on("group", "g"), batch(receipt(), receipt(outcome=FAILED), skipped=8))
    (edge,) = traffic.edges.values()
    assert (edge.over(NOW, 60).count, edge.over(NOW, 60).failed) == (10, 1)
    traffic.apply(NOW, on("group", "g"), batch(skipped=5))
    assert traffic.untold_over(NOW, 60) == 5


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(model, "MAX_EDGES", 10)
    monkeypatch.setattr(model, "MAX_AGENTS", 3)
    traffic = Traffic()
    for number in range(40):
        many = [receipt(f"p{number}", "", type=f"t{at}") for at in range(100)]
        traffic.apply(NOW, on("group", "g"), batch(*many, agent=f"a{number}"))
    assert len(traffic.edges) == 10
    assert traffic.untold_over(NOW, 900) == 3000
    assert set(traffic.recent) == {"a37", "a38", "a39"}
    assert all(len(kept) == model.KEPT_RECENT for kept in traffic.recent.values())
    assert all(len(edge.names) <= 12 and len(edge.shown_names) == 5 for edge in traffic.edges.values())
    traffic.forget(NOW + 2000 * 1_000_000)
    assert not traffic.edges and not traffic.untold


@pytest.mark.parametrize(
    ("sender", "source", "node"),
    [
        ("shop", "/w/agents/shop", "agent:shop"),
        ("team", "/w/agents/two", "agent:two"),
        ("mallory", "/w/agents/shop", "principal:mallory"),
        ("shop", "/w/shop", "agent:shop"),
        ("team", "/w/team", "principal:team"),
        ("hub", "/w/agents/shop", "agent:shop"),
        ("hub", "/w/admin", "principal:admin"),
        ("admin", "https://elsewhere.example/agents/shop", "principal:admin"),
        ("", "", "principal:?"),
    ],
)  # fmt: skip
def test_a_source_counts_where_its_sender_may_say_so(sender, source, node):
    roster = Roster([member("shop"), member("one", "team"), member("two", "team")])
    assert roster.node_of(model.sender_of(receipt(sender, source))) == node


def test_what_is_no_batch_is_left_alone():
    traffic = Traffic()
    good = batch(receipt())
    for subject, payload in ((on("call", "x"), b"nonsense"), (on("call", "x"), b"[]"), ("tl.w.receipts.x", good)):
        traffic.apply(NOW, subject, payload)
    assert not traffic.edges and not traffic.recent
    traffic.apply(NOW, on("call", "x" * 900), batch(receipt("s" * 5000, id="i" * 5000)))
    (key,) = traffic.edges
    assert max(len(key.sender.principal), *(len(name) for name in traffic.edges[key].names)) == 200
    assert key.receiver == Actor("baker", "baker")
