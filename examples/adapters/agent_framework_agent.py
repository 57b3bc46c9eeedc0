"""Microsoft Agent Framework on the bus. Run it beside `trunkline serve`: python agent_framework_agent.py."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any

from agent_framework import (
    Agent,
    BaseChatClient,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    Message,
    ResponseStream,
    tool,
)
from stage import serving, shop, show, think

import trunkline as tl
from trunkline.adapters import agent_framework


class Scripted(FunctionInvocationLayer, BaseChatClient):
    """Thinks about a conversation, in place of a language model."""

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, **_: Any
    ) -> Awaitable[ChatResponse] | ResponseStream[ChatResponseUpdate, ChatResponse]:
        contents = [content for message in messages for content in message.contents]
        results = [str(content.result) for content in contents if content.type == "function_result"]
        said = think(next(content.text or "" for content in contents if content.type == "text"), results)
        if stream:
            return ResponseStream(_speak(said, len(results)), finalizer=ChatResponse.from_updates)
        return _answer(said, len(results))


async def _answer(said: tuple[str, dict[str, object]] | str, number: int) -> ChatResponse:
    return ChatResponse(messages=[Message("assistant", [_content(said, number)])])


async def _speak(said: tuple[str, dict[str, object]] | str, number: int) -> AsyncIterator[ChatResponseUpdate]:
    pieces = [said] if isinstance(said, tuple) else [f"{word} " for word in said.split(" ")]
    for place, piece in enumerate(pieces):
        whole = piece.removesuffix(" ") if isinstance(piece, str) and place == len(pieces) - 1 else piece
        yield ChatResponseUpdate(contents=[_content(whole, number)], role="assistant", message_id=f"m-{number}")


def _content(said: tuple[str, dict[str, object]] | str, number: int) -> Content:
    if isinstance(said, str):
        return Content.from_text(said)
    return Content.from_function_call(f"call-{number}", said[0], arguments=said[1], id=f"call-{number}")


@tool(approval_mode="always_require")
def buy(item: str, count: int) -> str:
    """Buy from the shop."""
    return f"{count} {item} sold"


async def main() -> None:
    """Serve two agents of the framework, and use them."""
    async with tl.Client() as client, serving(shop):
        tools = await agent_framework.tools(client, skills=["shop.price"])
        quoter = Agent(Scripted(), name="quoter", tools=tools)
        agent = agent_framework.serve(quoter, "agent-framework", skill="agent-framework.quote")
        agent_framework.serve(
            Agent(Scripted(), name="buyer", tools=[buy]), agent, skill="agent-framework.order", task=True
        )
        async with serving(agent):
            await show(client, "agent-framework.quote", "agent-framework.order")


if __name__ == "__main__":
    asyncio.run(main())
