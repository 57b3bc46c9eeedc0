"""The connection heals whatever happens to the client under it."""

import asyncio

from nats.aio.client import Client as Nats
from trunkline.publisher import Publisher

from support.bus import EVENTS, on_the_bus
from support.hub import eventually


async def test_a_client_that_closes_without_a_word_is_replaced(broker):
    """`nats-py` closes for good after an error from the broker, and tells nobody when the socket breaks meanwhile."""
    async with on_the_bus(broker) as bus:
        publisher = Publisher(bus)
        await publisher.open()
        heard: asyncio.Queue = asyncio.Queue()
        await bus.subscribe("test.heard", heard.put)
        dead = bus.client
        await dead._close(Nats.CLOSED, do_cbs=False)
        assert bus.is_up, "nobody has told"
        ack = await publisher.publish(EVENTS, "tl.default.events.t.x", b"x", msg_id="1")
        assert ack.seq == 1
        assert bus.client is not dead
        await bus.client.publish("test.heard", b"y")
        assert (await asyncio.wait_for(heard.get(), 10)).data == b"y", "listeners moved over"
        publisher.close()


async def test_a_connection_that_was_closed_and_opened_again_heals_as_before(broker):
    """A component of the hub that is restarted opens the connection that it closed."""
    async with on_the_bus(broker) as bus:
        publisher = Publisher(bus)
        await publisher.open()
        publisher.close()
        await bus.close()
        await bus.open()
        await publisher.open()
        assert (await publisher.publish(EVENTS, "tl.default.events.t.x", b"x", msg_id="1")).seq == 1
        await bus.client._close(Nats.CLOSED, do_cbs=False)
        assert (await publisher.publish(EVENTS, "tl.default.events.t.x", b"x", msg_id="2")).seq == 2
        publisher.close()


async def test_a_client_that_stops_reconnecting_is_replaced(broker, monkeypatch):
    monkeypatch.setattr("trunkline.connection._STUCK_S", 1.0)
    async with on_the_bus(broker) as bus:
        stuck = bus.client
        await broker.kill()
        await eventually(lambda: not bus.is_up)
        stuck._reconnection_task.cancel()
        await broker.start()
        await eventually(lambda: bus.is_up)
        assert bus.client is not stuck
        await bus.flush()
