"""The OpenAI Agents SDK on the bus. Run it beside `trunkline serve`: python openai_agents_agent.py."""

import asyncio
from collections.abc import Sequence

from agents import Agent, function_tool, set_tracing_disabled
from agents.items import TResponseOutputItem
from agents.testing import ModelCall, ModelStep, ScriptedModel, assistant_message, function_call
from stage import serving, shop, show, think

import trunkline as tl
from trunkline.adapters import openai_agents

set_tracing_disabled(disabled=True)  # else the SDK sends its traces to OpenAI


def answer(call: ModelCall) -> Sequence[TResponseOutputItem]:
    """Think about a conversation, in place of a language model."""
    items = [{"content": call.input}] if isinstance(call.input, str) else list(call.input)
    results = [str(item["output"]) for item in items if item.get("type") == "function_call_output"]
    said = think(str(items[0]["content"]), results)
    if isinstance(said, str):
        return [assistant_message(said)]
    return [function_call(said[0], said[1], call_id=f"call-{len(results)}")]


@function_tool(needs_approval=True)
def buy(item: str, count: int) -> str:
    """Buy from the shop."""
    return f"{count} {item} sold"


def model() -> ScriptedModel:
    """Return a model with patience for a hundred questions."""
    return ScriptedModel([ModelStep.respond(answer)] * 100)


async def main() -> None:
    """Serve two agents of the SDK, and use them."""
    async with tl.Client() as client, serving(shop):
        tools = await openai_agents.tools(client, skills=["shop.price"])
        agent = openai_agents.serve(Agent("quoter", model=model(), tools=tools), "openai", skill="openai.quote")
        openai_agents.serve(Agent("buyer", model=model(), tools=[buy]), agent, skill="openai.order", task=True)
        async with serving(agent):
            await show(client, "openai.quote", "openai.order")


if __name__ == "__main__":
    asyncio.run(main())
