"""Plain Python as agents: functions, objects, generators. Run it beside `trunkline serve`: python functions_agent.py."""

import asyncio
from collections.abc import AsyncIterator

from stage import serving, shop, show, think

import trunkline as tl
from trunkline.adapters import functions


class Quoter:
    """An agent without a framework: a loop around a language model, and tools from the bus."""

    def __init__(self, tools: list[functions.SkillTool]) -> None:
        self.tools = {tool.name: tool for tool in tools}

    async def __call__(self, question: str) -> str:
        """Answer questions about prices."""
        results: list[str] = []
        while not isinstance(thought := think(question, results), str):
            name, arguments = thought
            results.append(await self.tools[name].tell(arguments))
        return thought


async def order(wish: str, ctx: tl.Context) -> AsyncIterator[str]:
    """Buy something, if the caller agrees."""
    agreed = await ctx.task.ask(f"{wish}: may I?")
    yield "The shop says: "
    yield "sold." if agreed == "yes" else agreed


async def main() -> None:
    """Serve both, and use them."""
    async with tl.Client() as client, serving(shop):
        agent = functions.serve(Quoter(await functions.tools(client, tags=["shop"])), "plain", skill="plain.quote")
        functions.serve(order, agent, skill="plain.order", task=True)
        async with serving(agent):
            await show(client, "plain.quote", "plain.order")


if __name__ == "__main__":
    asyncio.run(main())
