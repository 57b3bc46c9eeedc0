"""Pydantic AI on the bus. Run it beside `trunkline serve`: python pydantic_ai_agent.py."""

import asyncio
import json
from collections.abc import AsyncIterator

from pydantic_ai import Agent
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel
from stage import serving, shop, show, think

import trunkline as tl
from trunkline.adapters import pydantic_ai


def thought(messages: list[ModelMessage]) -> tuple[str, dict[str, object]] | str:
    """Think about a conversation, in place of a language model."""
    parts = [part for message in messages for part in message.parts]
    asked = next(str(part.content) for part in parts if isinstance(part, UserPromptPart))
    return think(asked, [str(part.content) for part in parts if isinstance(part, ToolReturnPart | RetryPromptPart)])


def answer(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    """Answer at once."""
    said = thought(messages)
    return ModelResponse([TextPart(said) if isinstance(said, str) else ToolCallPart(said[0], said[1])])


async def speak(messages: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
    """Answer word by word."""
    said = thought(messages)
    if isinstance(said, str):
        for word in said.split(" "):
            yield word if word == said.split(" ")[0] else f" {word}"
    else:
        yield {0: DeltaToolCall(said[0], json.dumps(said[1]))}


model = FunctionModel(answer, stream_function=speak)
buyer = Agent(model, name="buyer", description="Buys what its caller agrees to")


@buyer.tool_plain(requires_approval=True)
def buy(item: str, count: int) -> str:
    """Buy from the shop."""
    return f"{count} {item} sold"


async def main() -> None:
    """Serve two agents of Pydantic AI, and use them."""
    async with tl.Client() as client, serving(shop):
        quoter = Agent(model, name="quoter", tools=await pydantic_ai.tools(client, skills=["shop.price"]))
        agent = pydantic_ai.serve(quoter, "pydantic-ai", skill="pydantic-ai.quote")
        pydantic_ai.serve(buyer, agent, skill="pydantic-ai.order", task=True)
        async with serving(agent):
            await show(client, "pydantic-ai.quote", "pydantic-ai.order")


if __name__ == "__main__":
    asyncio.run(main())
