"""The callee's process: an agent with an `echo` skill, and a bare `nats-py` subscriber beside it."""

import asyncio
import sys

from nats.aio.msg import Msg

from bench.payload import Order
from bench.servers import connect_raw
from trunkline import Agent

SKILL = "bench-echo"
SUBJECT = "bench.echo"

agent = Agent("bench-responder")


@agent.skill(SKILL)
async def echo(order: Order) -> Order:
    """Return the order as it came."""
    return order


async def respond(message: Msg) -> None:
    """Do the same with bytes."""
    await message.respond(message.data)


async def main(url: str, token: str, broker_url: str, broker_password: str) -> None:
    """Answer on both sides until terminated; a line on standard output says when that begins."""
    client = await connect_raw(broker_url, broker_password)
    await client.subscribe(SUBJECT, cb=respond)
    await client.flush()
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(agent.serve(url, token, workspace="default", ready=ready))
        await ready.wait()
        print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
