"""LangGraph on the bus. Run it beside `trunkline serve`: python langgraph_agent.py."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import BaseTool, tool
from langgraph.graph import MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import interrupt
from stage import serving, shop, show, think

import trunkline as tl
from trunkline.adapters import langgraph


class Scripted(BaseChatModel):
    """Thinks about a conversation, in place of a language model."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        results = [str(message.content) for message in messages if message.type == "tool"]
        said = think(str(messages[0].content), results)
        if isinstance(said, str):
            return ChatResult(generations=[ChatGeneration(message=AIMessage(said))])
        call = {"name": said[0], "args": said[1], "id": f"call-{len(results)}"}
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=[call]))])

    def _stream(self, messages: list[BaseMessage], *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        whole = self._generate(messages).generations[0].message
        if not whole.text:
            calls = [
                {"name": c["name"], "args": str(c["args"]).replace("'", '"'), "id": c["id"], "index": 0}
                for c in whole.tool_calls
            ]
            yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=calls))
        for place, word in enumerate(whole.text.split(" ")):
            yield ChatGenerationChunk(message=AIMessageChunk(word if place == 0 else f" {word}"))


@tool
def buy(item: str, count: int) -> str:
    """Buy from the shop."""
    agreed = interrupt({"question": f"May I buy {count} {item}?", "item": item, "count": count})
    return f"{count} {item} sold" if agreed == "yes" else f"not bought: {agreed}"


def graph(tools: Sequence[BaseTool]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the usual loop of a model and its tools."""

    async def model(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await Scripted().ainvoke(state["messages"])]}

    made = StateGraph(MessagesState)
    made.add_node("model", model)
    made.add_node("tools", ToolNode(tools))
    made.set_entry_point("model")
    made.add_conditional_edges("model", tools_condition)
    made.add_edge("tools", "model")
    return made.compile()


async def main() -> None:
    """Serve two graphs, and use them."""
    async with tl.Client() as client, serving(shop):
        tools = await langgraph.tools(client, skills=["shop.price"])
        agent = langgraph.serve(graph(tools), "langgraph", skill="langgraph.quote")
        langgraph.serve(graph([buy]), agent, skill="langgraph.order", task=True)
        async with serving(agent):
            await show(client, "langgraph.quote", "langgraph.order")


if __name__ == "__main__":
    asyncio.run(main())
