"""An agent that does what the scenarios of the A2A conformance kit describe: the message's id says which.

python a2a_agent.py <hub url> <token> [<name>]
"""

import asyncio
import sys
from typing import Any

import trunkline as tl
from trunkline.blobs import Blob
from trunkline.protocol.errors import TaskNeededError
from trunkline.protocol.tasks import Part, TaskMessage

HOLD_S = 5.0
"""As long as the kit wants a task to go on that it subscribes to again."""


def make(name: str = "tck", *, hold_s: float = HOLD_S) -> tl.Agent:
    agent = tl.Agent(name, version="1.0.0", description="Does what the conformance kit of A2A asks for.")

    @agent.skill(f"{name}.front", tags=["default", "tck"], description="Answers at once, or says that it takes a task.")
    async def front(_said: Any, ctx: tl.Context) -> str:
        if (ctx.message.subject or "").startswith("tck-message-response"):
            return "Direct message response"
        raise TaskNeededError("This takes a task")

    @agent.skill(f"{name}.work", task=True, tags=["tck"], description="Plays the kit's scenarios.")
    async def work(_message: TaskMessage, ctx: tl.Context) -> TaskMessage | None:
        said = next(one for one in ctx.task.history if one.role == "user")
        while said.id.startswith("tck-input-required"):
            said = await ctx.task.ask("What else?", TaskMessage)
        if said.id.startswith("test-resubscribe-message-id"):
            await asyncio.sleep(hold_s)
            return None
        if said.id.startswith("tck-reject-task"):
            ctx.task.reject("rejected")
        return await _artifacts(said.id, ctx)

    return agent


async def _artifacts(said: str, ctx: tl.Context) -> TaskMessage | None:
    made = {
        "tck-artifact-text": Part(text="Generated text content"),
        "tck-artifact-file-url": Part(
            url="https://example.com/output.txt", filename="output.txt", media_type="text/plain"
        ),
        "tck-artifact-file": Part(raw=b"file content", filename="output.txt", media_type="text/plain"),
        "tck-artifact-data": Part(data={"key": "value", "count": 42}),
        "tck-stream-001": Part(text="Stream hello from TCK"),
        "tck-stream-003": Part(text="Stream task lifecycle"),
        "tck-stream-ordering-001": Part(text="Ordered output"),
        "tck-stream-artifact-text": Part(text="Streamed text content"),
        "tck-stream-artifact-file": Part(raw=b"file content", filename="output.txt", media_type="text/plain"),
    }
    if said.startswith("tck-stream-artifact-chunked"):
        await ctx.task.artifact("chunk-1 ", id="chunked", last=False)
        await ctx.task.artifact("chunk-2", id="chunked", append=True, last=True)
        return None
    if said.startswith("tck-large"):
        await ctx.task.artifact(Blob.from_bytes(b"x" * 300_000, content_type="text/plain"), name="large")
        return None
    for prefix in sorted(made, key=len, reverse=True):
        if said.startswith(prefix):
            await ctx.task.artifact(made[prefix], name="made")
            return None
    return TaskMessage(id=f"{ctx.task.id}.hello", role="agent", parts=[Part(text="Hello from TCK")])


if __name__ == "__main__":
    make(*sys.argv[3:4]).run(sys.argv[1], sys.argv[2])
