"""The path of a message: who sent, handled and caused it, through failure, death and redrive."""

import asyncio
import json

import msgspec
import pytest
import trunkline as tl
from trunkline.cli.trace import draw
from trunkline.protocol import subjects
from trunkline.protocol.errors import TraceUnknownError
from trunkline.protocol.receipts import Receipt, ReceiptBatch

from support.hub import eventually
from support.letters import dead_letters, raw_client


async def traced(client, message_id, enough, **which):
    """Return the trace once `enough(trace)` holds: receipts follow within a fraction of a second."""

    async def check():
        try:
            found = await client.trace(message_id, **which)
        except TraceUnknownError:
            return None
        return found if enough(found) else None

    return await eventually(check)


def all_nodes(trace):
    pending = list(trace.roots)
    while pending:
        node = pending.pop()
        yield node
        pending += node.children


async def test_a_transaction_over_event_task_call_and_event_is_one_tree(hub, name):
    shop, clerk = tl.Agent(f"shop-{name}", version="1.0.0"), tl.Agent(f"clerk-{name}", version="2.0.0")
    finished = asyncio.Event()

    @shop.on(f"{name}.order", group=f"{name}-billing")
    async def bill(order: dict, ctx: tl.Context) -> None:
        await ctx.enqueue(f"{name}-invoices", order)

    @clerk.task(f"{name}-invoices")
    async def write(order: dict, ctx: tl.Context) -> None:
        assert await ctx.call(f"{name}-total", order) == 3
        await ctx.publish(f"{name}.invoiced", {"ok": True})
        finished.set()

    @clerk.skill(f"{name}-total")
    async def total(order: dict, ctx: tl.Context) -> int:
        await ctx.publish(f"{name}.counted")
        return 3

    async with hub.serving(shop), hub.serving(clerk), hub.connected() as client:
        ack = await client.publish(f"{name}.order", {"n": 1}, subject="order/1")
        await asyncio.wait_for(finished.wait(), 15)
        trace = await traced(client, ack.id, lambda t: t.messages == 5 and len(t.timeline) >= 8)
        await _check_tree(client, trace, ack, name)


async def _check_tree(client, trace, ack, name):
    (order,) = trace.roots
    assert (order.id, order.kind, order.type, order.sender, order.subject) == (
        ack.id, "event", f"{name}.order", "admin", "order/1",
    )  # fmt: skip
    assert order.copies[0].seq == ack.seq
    (billed,) = order.handlings
    assert (billed.lane, billed.reader, billed.agent, billed.version) == (
        "group", f"{name}-billing", f"shop-{name}", "1.0.0",
    )  # fmt: skip
    assert (billed.outcome, billed.attempt) == ("handled", 1)
    (task,) = order.children
    assert (task.kind, task.type, task.sender, task.causation_id) == ("task", f"task.{name}-invoices", "admin", ack.id)
    assert task.handlings[0].waited_ms >= 0 and task.stored_at is not None and task.sent_at is not None
    call, invoiced = sorted(task.children, key=lambda node: node.kind)
    assert (call.kind, call.handlings[0].reader, call.handlings[0].lane) == ("call", f"{name}-total", "call")
    assert task.handlings[0].duration_ms >= call.handlings[0].duration_ms > 0
    assert invoiced.type == f"{name}.invoiced"
    assert [child.type for child in call.children] == [f"{name}.counted"]
    assert {node.trace_id for node in all_nodes(trace)} == {order.trace_id}
    assert not trace.truncated and trace.behind == 0
    starts = [span.start for span in trace.timeline]
    assert starts == sorted(starts) and trace.timeline[0].offset_ms == 0
    assert {span.depth for span in trace.timeline} == {0, 1, 2, 3}

    below = await client.trace(call.children[0].id)
    assert [node.id for node in below.ancestors] == [ack.id, task.id, call.id]
    assert below.messages == 1
    whole = await client.trace(correlation_id=ack.id)
    assert [root.id for root in whole.roots] == [ack.id] and whole.messages == 5
    same = await client.trace(trace_id=order.trace_id)
    assert {node.id for node in all_nodes(same)} == {node.id for node in all_nodes(trace)}
    drawn = "\n".join(line.plain for line in draw(trace))
    assert "5 messages" in drawn and f"group {name}-billing: shop-" in drawn and "█" in drawn


@pytest.mark.parametrize("lane", ["queue", "group"])
async def test_failures_death_redrive_and_the_life_after_it_are_one_trace(hub, name, lane):
    agent = tl.Agent(f"a-{name}")
    healed = asyncio.Event()

    async def work(n: int, ctx: tl.Context) -> None:
        if not healed.is_set():
            raise ValueError(f"no luck with {n}")
        await ctx.publish(f"{name}.after")

    reader, retry = f"r-{name}", tl.Retry(max_attempts=2, base_s=0.01)
    agent.task(reader, retry=retry)(work) if lane == "queue" else agent.on(f"{name}.x", group=reader, retry=retry)(work)
    async with hub.serving(agent), hub.connected() as client:
        ack = await (client.enqueue(reader, 7) if lane == "queue" else client.publish(f"{name}.x", 7))
        (letter,) = await dead_letters(hub, reader)
        trace = await traced(client, ack.id, lambda t: [h.outcome for h in t.roots[0].handlings] == ["failed", "dead"])
        (node,) = trace.roots
        assert [h.attempt for h in node.handlings] == [1, 2]
        assert all("no luck with 7" in h.error for h in node.handlings)
        assert [(d.id, d.reason, d.redriven_at) for d in node.dead_letters] == [
            (letter["id"], "attempts_exhausted", None)
        ]
        assert node.waiting == []
        healed.set()
        await client.dead_letters.redrive(letter["id"])
        trace = await traced(
            client, ack.id, lambda t: t.roots[0].children and t.roots[0].handlings[-1].outcome == "handled"
        )
    (node,) = trace.roots
    assert [h.outcome for h in node.handlings] == ["failed", "dead", "handled"]
    assert node.handlings[-1].redrive_of == letter["id"]
    assert node.dead_letters[0].redriven_by == "admin"
    assert node.children[0].type == f"{name}.after" and node.children[0].trace_id == node.trace_id
    kinds = [span.kind for span in trace.timeline if span.message_id == ack.id]
    assert kinds == ["sent", "handling", "handling", "dead_letter", "redrive", "handling"]
    if lane == "group":
        assert [(copy.group, copy.redrive_of) for copy in node.copies] == [(None, None), (reader, letter["id"])]


async def test_a_group_that_has_not_handled_an_event_is_shown_as_waiting(hub, name):
    agent, going, held = tl.Agent(f"w-{name}"), asyncio.Event(), asyncio.Event()

    @agent.on(f"{name}.*", group=f"g-{name}", concurrency=1)
    async def hold(n: int) -> None:
        held.set()
        await going.wait()

    @agent.on(f"{name}.other", group=f"other-{name}")
    async def other(n: int) -> None: ...

    async with hub.connected() as client:
        before = await client.publish(f"{name}.early", 0)
        async with hub.serving(agent):
            first = await client.publish(f"{name}.a", 1)
            await asyncio.wait_for(held.wait(), 10)
            trace = await client.trace(first.id)
            assert [(w.group, w.state) for w in trace.roots[0].waiting] == [(f"g-{name}", "in_flight")]
            assert trace.timeline[-1].kind == "waiting" and trace.timeline[-1].end is None
            assert (await client.trace(before.id)).roots[0].waiting == []
            going.set()
            await traced(client, first.id, lambda t: t.roots[0].handlings and not t.roots[0].waiting)
        last = await client.publish(f"{name}.b", 2)
        trace = await client.trace(last.id)
        assert [(w.group, w.state) for w in trace.roots[0].waiting] == [(f"g-{name}", "waiting")]


async def test_an_agent_without_receipts_leaves_none_and_works(hub, name):
    agent, done = tl.Agent(f"q-{name}", receipts=0), asyncio.Event()

    @agent.on(f"{name}.x", group=f"g-{name}")
    async def handle(n: int) -> None:
        done.set()

    async with hub.serving(agent), hub.connected() as client:
        ack = await client.publish(f"{name}.x", 1)
        await asyncio.wait_for(done.wait(), 10)
        settled = await eventually(lambda: _settled(client, f"g-{name}"))
        assert settled.waiting == 0
        trace = await client.trace(ack.id)
    assert trace.roots[0].handlings == [] and trace.roots[0].waiting == []


async def _settled(client, group):
    found = await client.groups.get(group)
    return found if not found.in_flight and not found.waiting else None


async def test_nothing_is_known_about_nothing(hub, name):
    async with hub.client() as client:
        with pytest.raises(TraceUnknownError):
            await client.trace(name)
        with pytest.raises(TraceUnknownError):
            await client.trace(correlation_id=name)
    assert (await hub.admin("GET", "traces")).status == 422
    assert (await hub.admin("GET", "traces?correlation_id=a&trace_id=b")).status == 422
    assert (await hub.admin("GET", "traces?correlation_id=a&message_id=b")).status == 422


async def test_ids_with_slashes_and_circles_of_causation_do_no_harm(hub, name):
    def event(event_id, **changes):
        return json.dumps(
            {"specversion": "1.0", "id": event_id, "source": "/t", "type": f"{name}.c", **changes}
        ).encode()

    one, two = f"{name}/1", f"{name}/2"
    for event_id, cause in ((one, two), (two, one)):
        assert (await hub.admin("POST", "events", raw=event(event_id, causationid=cause))).status == 201
    own = f"{name}-self"
    await hub.admin("POST", "events", raw=event(own, causationid=own, correlationid=f"{name}-k"))
    async with hub.client() as client:
        trace = await client.trace(one)
        assert trace.messages == 2 and [child.id for child in trace.roots[0].children] == [two]
        assert (await client.trace(own)).messages == 1
        assert (await client.trace(correlation_id=f"{name}-k")).messages == 1


async def test_a_wide_tree_is_cut_and_says_so(hub, name):
    async with hub.connected() as client:
        root = await client.publish(f"{name}.root")
        body = json.dumps([0])
        principal = f"wide-{name}"
        token = await hub.token("events:publish", principal=principal)
        async with hub.connected(token) as other:
            children = [
                {"specversion": "1.0", "id": f"{name}-{n}", "source": "/t", "type": f"{name}.c", "causationid": root.id}
                for n in range(600)
            ]
            await asyncio.gather(
                *(
                    other.store(
                        subjects.events_stream("default"), subjects.event("default", principal, f"{name}.c"),
                        json.dumps(child).encode(), msg_id=child["id"],
                    )
                    for child in children
                )
            )  # fmt: skip
        trace = await client.trace(root.id)
        assert body and trace.truncated and trace.messages == 500
        assert len(trace.roots[0].children) == 499


async def test_receipts_are_claims_of_the_reader_itself_and_garbage_is_passed_over(hub, name):
    """Only who reads as a group may write its receipts; what is no receipt, or an impossible one, is ignored."""
    agent = tl.Agent(f"v-{name}")

    @agent.on(f"{name}.x", group=f"g-{name}")
    async def handle(n: int) -> None: ...

    owner = await hub.token("agents:register", "events:read", principal=f"o-{name}")
    async with hub.serving(agent, owner), hub.connected() as client:
        ack = await client.publish(f"{name}.x", 1)
        await traced(client, ack.id, lambda t: t.roots[0].handlings)
        subject = subjects.receipts("default", f"o-{name}", "group", f"g-{name}")
        wild = Receipt(id=ack.id, seq=2**70, started_us=2**64)
        odd = Receipt(id=f"odd\0-{name}", type="\ud800x".encode(errors="replace").decode(), attempt=3)
        batch = msgspec.json.encode(ReceiptBatch(agent="a" * 400, instance="i", version="1", receipts=[wild, odd]))
        async with raw_client(hub, owner, name=f"agent v-{name} x") as raw:
            for payload in (b"", b"no", b"{}", b'{"agent":1}', batch):
                await raw.publish(subject, payload)
            await raw.flush()
        trace = await traced(client, f"odd-{name}", lambda t: True)
        assert (trace.roots[0].kind, trace.roots[0].handlings[0].attempt) == ("event", 3)
        assert len((await client.trace(ack.id)).roots[0].handlings) == 1
