"""The governed lane: checked by a hub, stored under the sender's own name, refused with the reason."""

import asyncio

import pytest
from support.hub import eventually
from support.letters import raw_client
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import PermissionDeniedError, QueueUnknownError, RequestInvalidError
from trunkline.protocol.resources import QueueDeclaration


@pytest.fixture
def sender(name):
    return f"{name}-sender"


async def governed(hub, sender):
    return await hub.token("events:submit", "queues:submit", "events:read", principal=sender)


async def test_who_may_only_submit_publishes_through_the_gate_under_their_own_name(hub, name, sender):
    async with hub.connected(await governed(hub, sender)) as client:
        assert client._connected.governed_events
        ack = await client.publish(f"{name}.made", {"n": 1}, subject="s")
        again = await client.publish(f"{name}.made", {"n": 1}, id=ack.id)
        assert (again.seq, again.duplicate) == (ack.seq, True)
        found = (await client.events.query(type=f"{name}.made")).items
    assert [(e.sender, e.event["id"], e.event["subject"]) for e in found] == [(sender, ack.id, "s")]


async def test_work_goes_through_the_gate_too(hub, name, sender):
    async with hub.client() as admin, hub.connected(await governed(hub, sender)) as client:
        with pytest.raises(QueueUnknownError):
            await client.enqueue(name, {"n": 1})
        await admin.queues.declare(name, QueueDeclaration())
        acks = await asyncio.gather(*(client.enqueue(name, {"n": n}) for n in range(50)))
        assert len({ack.seq for ack in acks}) == 50
        assert (await admin.queues.get(name)).depth == 50


async def test_who_may_publish_directly_does(hub, name):
    async with hub.connected(await hub.token("events:publish")) as client:
        assert not client._connected.governed_events
        assert (await client.publish(name, 1)).seq > 0


async def test_the_fast_lane_is_closed_to_them(hub, name, sender):
    token = await governed(hub, sender)
    async with raw_client(hub, token) as nats:
        await nats.publish(subjects.event("default", sender, name), b"{}")
        await nats.publish(subjects.gate_event("default", "admin", name), b"{}")
        await nats.flush()
    async with hub.client() as admin:
        assert (await admin.events.query(type=name)).items == []


async def test_what_is_wrong_is_refused_before_it_is_stored(hub, name, sender):
    token = await governed(hub, sender)
    async with hub.connected(token) as client, raw_client(hub, token, name="raw") as nats:
        with pytest.raises(RequestInvalidError):
            await client.publish("two words", 1)
        with pytest.raises(PermissionDeniedError):  # what is large goes by reference, which needs a scope of its own
            await client.publish(name, "x" * client.bus.max_payload)
        inbox = f"{subjects.inbox_prefix(sender)}.raw"
        answers: asyncio.Queue = asyncio.Queue()
        await nats.subscribe(inbox, cb=answers.put)
        envelope = ce.encode(ce.new_envelope(type=f"{name}.other", source="/x", data=b"1"))
        for raw in (b"", b"\xff", b"[1]", envelope):
            await nats.publish(subjects.gate_event("default", sender, f"{name}.allowed"), raw, reply=inbox)
            answer = await asyncio.wait_for(answers.get(), 10)
            assert b'"message.envelope_invalid"' in answer.data or b"envelope" in answer.data
        assert (await client.events.query(type=f"{name}.>")).items == []


async def test_the_hub_answers_nobody_but_the_sender(hub, name, sender):
    """A reply address is the sender's word: the hub must not write where the sender may not."""
    token = await governed(hub, sender)
    forged = subjects.event("default", "admin", f"{name}.forged")
    async with hub.client() as admin, raw_client(hub, token) as nats:
        envelope = ce.encode(ce.new_envelope(type=f"{name}.made", source="/x", data=b"1"))
        for reply in (forged, "tl.hubs.routes", f"{subjects.inbox_prefix('admin')}.1"):
            await nats.publish(subjects.gate_event("default", sender, f"{name}.made"), envelope, reply=reply)
        await nats.flush()
        async with hub.connected(token) as client:
            await client.publish(f"{name}.last", 1)
        await eventually(lambda: _types(admin, name))
        assert await _types(admin, name) == [f"{name}.last"]


async def _types(client, name):
    return [item.event["type"] for item in (await client.events.query(type=f"{name}.>")).items]


async def test_messages_wait_for_a_hub_and_are_stored_once(own_hub, name, sender):
    """The hub goes away in the middle; the broker stays. Nothing is lost, nothing doubled."""
    first = await own_hub(hub_id="first")
    token = await governed(first, sender)
    async with first.connected(token) as client:
        before = await asyncio.gather(*(client.publish(name, n, id=f"a-{n}") for n in range(20)))
        pending = [asyncio.ensure_future(client.publish(name, n, id=f"b-{n}")) for n in range(100)]
        await first.stop()
        second = await own_hub(hub_id="second")
        acks = await asyncio.wait_for(asyncio.gather(*pending), 40)
        assert len({ack.id for ack in [*before, *acks]}) == 120
    async with second.client() as admin:
        found = (await admin.events.query(type=name, limit=500)).items
    assert sorted(e.event["id"] for e in found) == sorted(
        [f"a-{n}" for n in range(20)] + [f"b-{n}" for n in range(100)]
    )


async def test_over_http_the_same_scope_suffices(hub, name, sender):
    token = await governed(hub, sender)
    envelope = ce.encode(ce.new_envelope(type=name, source="/x", data=b"1"))
    answer = await hub.http(
        "POST", "events", token=token, raw=envelope, headers={"Content-Type": "application/cloudevents+json"}
    )
    assert answer.status == 201
