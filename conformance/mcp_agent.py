"""An agent with the skills that the suite's scenarios of the Tasks extension ask for.

python mcp_agent.py <hub url> <token>
"""

import asyncio
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

import trunkline as tl
from trunkline.protocol.errors import TaskNeededError
from trunkline.protocol.tasks import Part

NAME = "suite"
agent = tl.Agent(NAME, version="1.0.0", description="Does what the suite's scenarios of tasks ask for.")


@dataclass
class Confirmation:
    """What `confirm_delete` wants to know."""

    confirm: bool


@dataclass
class Person:
    """Who is greeted."""

    name: str


@agent.skill("greet")
async def greet(person: Person) -> str:
    """Greet somebody."""
    return f"Hello, {person.name}!"


@agent.skill("slow_compute", task=True)
async def slow_compute(order: dict[str, Any]) -> str:
    """Take some seconds."""
    await asyncio.sleep(order.get("seconds", 0))
    return f"Computed {order.get('label', '')}"


@agent.skill("failing_job", task=True)
async def failing_job(_order: dict[str, Any], ctx: tl.Context) -> None:
    """Fail after a while; never without a record."""
    if not ctx.task.is_recorded:
        raise TaskNeededError("This takes a task")
    await asyncio.sleep(1)
    raise RuntimeError("the job failed")


@agent.skill("protocol_error_job", task=True)
async def protocol_error_job(_order: dict[str, Any], ctx: tl.Context) -> None:
    """Refuse the work."""
    ctx.task.reject("This cannot be done at all")


@agent.skill("confirm_delete", task=True)
async def confirm_delete(order: dict[str, Any], ctx: tl.Context) -> str:
    """Ask before it deletes."""
    answer = await ctx.task.ask(f"Delete {order.get('filename')}?", Confirmation)
    return f"Deleted {order.get('filename')}" if answer.confirm else "Kept"


@agent.skill("multi_input", task=True)
async def multi_input(_order: dict[str, Any], ctx: tl.Context) -> str:
    """Ask two things at once."""
    form = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    asked = [
        Part(text=f"The {which} name?", metadata={"question": which, "schema": form}) for which in ("first", "second")
    ]
    answers = await ctx.task.ask(asked, dict[str, Any])
    return f"{answers['first']['name']} {answers['second']['name']}"


@dataclass
class Greeting:
    """Whom `test_tool_with_task` is to greet; a user is asked for what the caller left out."""

    name: Annotated[str, msgspec.Meta(extra_json_schema={"x-ask": "What is your name?"})]


@agent.skill("test_tool_with_task", task=True)
async def greet_at_length(whom: Greeting, ctx: tl.Context) -> str:
    """Greet somebody, as a task."""
    await ctx.progress(0.5, "looking for words")
    return f"Hello, {whom.name}!"


if __name__ == "__main__":
    asyncio.run(agent.serve(sys.argv[1], sys.argv[2], workspace="default"))
