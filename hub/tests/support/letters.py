"""Waiting for dead letters, and raw messages that no SDK would send."""

import asyncio
from contextlib import asynccontextmanager

from nats.aio.client import Client as Nats
from trunkline.protocol import subjects

from support.hub import Hub, eventually


async def dead_letters(hub: Hub, reader: str, count: int = 1, **filters) -> list[dict]:
    """Return the dead letters of a reader, newest first, once there are `count` of them."""

    async def enough():
        query = {"reader": reader} | {k: str(v).lower() for k, v in filters.items()}
        found = (await hub.admin("GET", "dead-letters", params=query)).json["items"]
        return found if len(found) >= count else None

    return await eventually(enough)


async def history(hub: Hub, letter_id: str, count: int) -> dict:
    """Return a dead letter's detail once `count` attempts are on record."""

    async def complete():
        detail = (await hub.admin("GET", f"dead-letters/{letter_id}")).json
        return detail if len(detail["history"]) >= count else None

    return await eventually(complete)


@asynccontextmanager
async def raw_client(hub: Hub, token: str, *, name: str = "raw"):
    """A plain NATS client with a token's rights."""
    client = Nats()
    await client.connect(hub.broker.urls, token=token, name=name, allow_reconnect=False, error_cb=_ignore)
    try:
        yield client
    finally:
        await client.close()


async def _ignore(_error: Exception) -> None: ...


async def publish_raw(hub: Hub, queue: str, *payloads: bytes, headers: dict[str, str] | None = None) -> None:
    """Put raw bytes into a queue as an authorised client that knows nothing of envelopes."""
    principal = f"raw-{queue}"
    token = await hub.token("queues:enqueue", principal=principal)
    async with raw_client(hub, token) as client:
        for payload in payloads:
            await client.publish(subjects.task("default", queue, principal), payload, headers=headers)
        await client.flush()
        await asyncio.sleep(0)
        await client.flush()
