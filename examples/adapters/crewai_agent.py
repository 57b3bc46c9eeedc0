"""CrewAI on the bus. Run it beside `trunkline serve`: python crewai_agent.py."""

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Any

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "CREWAI_TRACING_ENABLED": "false", "OTEL_SDK_DISABLED": "true"}

from crewai import Agent, BaseLLM, Crew, Task
from crewai.tools import BaseTool
from stage import serving, shop, show, think

import trunkline as tl
from trunkline.adapters import crewai


class Scripted(BaseLLM):
    """Thinks about a conversation, in place of a language model."""

    def call(self, messages: str | list[Any], *_: Any, **__: Any) -> str:
        """Answer in the words that CrewAI wants of models that cannot call functions."""
        said_so_far = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        text = "\n".join(str(message["content"]) for message in said_so_far)
        if "too dear" in text:
            return "Thought: it is too dear\nFinal Answer: The shop says: not bought."
        own = [str(message["content"]) for message in said_so_far if message["role"] == "assistant"]
        results = [message.rpartition("Observation:")[2].strip() for message in own if "Observation:" in message]
        said = think(text, results) if "price" in text else "I would buy three rye."
        if isinstance(said, str):
            return f"Thought: I know\nFinal Answer: {said}"
        return f"Thought: I ask\nAction: {said[0]}\nAction Input: {json.dumps(said[1])}"

    async def acall(self, messages: str | list[Any], *_: Any, **__: Any) -> str:
        """Answer without a thread."""
        return self.call(messages)


def crew(wish: str, tools: Sequence[BaseTool] = (), *, asks: bool = False) -> Crew:
    """Return a crew of one clerk."""
    clerk = Agent(
        role="Clerk", goal="Serve", backstory="At the bakery", llm=Scripted(model="scripted"), tools=list(tools)
    )
    task = Task(description=wish, expected_output="One sentence", agent=clerk, human_input=asks)
    return Crew(agents=[clerk], tasks=[task], name="clerks")


async def main() -> None:
    """Serve two crews, and use them."""
    async with tl.Client() as client, serving(shop):
        tools = await crewai.tools(client, skills=["shop.price"])
        agent = crewai.serve(crew("{question}", tools), "crewai", skill="crewai.quote")
        crewai.serve(crew("Do this: {wish}", asks=True), agent, skill="crewai.order", task=True)
        async with serving(agent):
            await show(client, "crewai.quote", "crewai.order")


if __name__ == "__main__":
    asyncio.run(main())
