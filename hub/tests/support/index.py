"""What tests ask of the index: that it has caught up, what it holds, that it agrees with the log."""

import asyncio

from trunkline_hub.bus.log import read_forward
from trunkline_hub.core.lookup import Lookup
from trunkline_hub.index import store
from trunkline_hub.index.model import is_addressed, seq_of

from support.hub import Hub, eventually


async def caught_up(hub: Hub) -> dict:
    """Return the index's status once it holds all that the streams hold."""

    async def check():
        status = (await hub.admin("GET", "index")).json
        done = status["state"] == "following" and not any(stream["behind"] for stream in status["streams"])
        return status if done else None

    return await eventually(check)


def index_of(hub: Hub):
    """Return the hub's index service."""
    return hub.app.dependencies["index"].dependency()


async def places(hub: Hub, **wanted) -> list[int]:
    """Return what the index alone finds, oldest first."""
    found = await index_of(hub).find(
        "default", Lookup(**wanted), after=0, before=None, newest=False, limit=100_000
    )  # fmt: skip
    assert found is not None
    return found.seqs


async def logged(hub: Hub) -> list[int]:
    """Return the places of every event in the log itself, redriven copies left out."""
    bus = hub.component("bus")
    return [m.seq for m in await read_forward(bus, "EVENTS_default", ["tl.default.events.>"], limit=1_000_000)]


async def rows(hub: Hub) -> list[int]:
    """Return the place of every row of the live part, one by one; copies for one group left out."""
    index = index_of(hub)
    async with index.db.read() as tx:
        part = next(p for p in await store.all_parts(tx, "default") if p.state == store.LIVE)
        keys = (await tx.execute(store.select(store.events.c.key).where(store._within(part.part)))).scalars()
        return sorted(seq_of(key) for key in keys if not is_addressed(key))


async def publish(hub, name, count, start=0):
    async with hub.connected() as client:
        return await asyncio.gather(
            *(
                client.publish(f"{name}.e", n, subject=f"s{n % 7}", correlation_id=name)
                for n in range(start, start + count)
            )
        )


async def agrees(hub) -> int:
    """Whether the index holds every event of the log once, and nothing else; how many."""
    await caught_up(hub)
    held, lies = await rows(hub), await logged(hub)
    assert held == lies
    return len(held)
