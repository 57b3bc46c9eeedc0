"""What the examples here share: a skill of a shop, a scripted language model, and a way to run agents for a while.

Every example does the same with another framework:

1. `quote` answers a call; on its way it uses the shop's skill `price` as a tool, wrongly at first.
2. `order` is a task that buys only what its caller agrees to.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import trunkline as tl
from trunkline.adapters import functions
from trunkline.protocol.resources import Task

PRICES = {"rye": 2.5, "spelt": 3.0}


def price(item: str, count: int) -> float:
    """What so many of an item cost."""
    return PRICES[item] * count


shop = functions.serve(price, "shop", skill="shop.price", tags=["shop"])


def think(asked: str, results: list[str]) -> tuple[str, dict[str, object]] | str:
    """Answer as a language model does: with a tool to use, or with words."""
    if "price" in asked:
        if not results:
            return "shop_price", {"item": "rye", "count": "three"}
        if "count" in results[-1]:  # it was told what is wrong
            return "shop_price", {"item": "rye", "count": 3}
        return f"Three rye cost {results[-1]}."
    if not results:
        return "buy", {"item": "rye", "count": 3}
    return f"The shop says: {results[-1]}."


@asynccontextmanager
async def serving(*agents: tl.Agent) -> AsyncIterator[None]:
    """Serve agents until the block ends."""
    async with AsyncExitStack() as stack:
        for agent in agents:
            await stack.enter_async_context(_serving(agent))
        yield


@asynccontextmanager
async def _serving(agent: tl.Agent) -> AsyncIterator[None]:
    ready, stop = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(agent.serve(ready=ready, stop=stop))
        await asyncio.wait_for(ready.wait(), 30)
        try:
            yield
        finally:
            stop.set()


async def show(client: tl.Client, quote: str, order: str) -> None:
    """Use both skills, and print what happens."""
    print("quote:", await client.call(quote, "What is the price of three rye?"))
    for answer in ("yes", "no, too dear"):
        task = await client.tasks.run(order, "Buy three rye")
        print(f"order is {task.status.state}:", task.status.message.text if task.status.message else "")
        await client.tasks.reply(task.id, answer)
        task = await client.tasks.wait(task.id)
        if task.status.state == "input-required":  # it has another proposal
            await client.tasks.reply(task.id, "ok")
            task = await client.tasks.wait(task.id)
        print(f"{answer!r}, so it is {task.status.state}:", said(task))


def said(task: Task) -> str:
    """Return what a task answered; it may have come in pieces."""
    return "".join(part.text or "" for artifact in task.artifacts for part in artifact.parts)
