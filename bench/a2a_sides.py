"""The same logic twice: as a skill on the bus, and as a server of A2A's own library.

python -m bench.a2a_sides bus <hub url> <token>
python -m bench.a2a_sides direct <port>
"""

import sys

import uvicorn
from a2a.helpers import new_text_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from starlette.applications import Starlette

import trunkline as tl

AGENT, SKILL = "bench-a2a", "bench-a2a.shout"


def shout(text: str) -> str:
    """The logic."""
    return text.upper()


def bus(url: str, token: str) -> None:
    agent = tl.Agent(AGENT)

    @agent.skill(SKILL)
    async def answer(text: str) -> str:
        return shout(text)

    agent.run(url, token)


class _Executor(AgentExecutor):
    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        await event_queue.enqueue_event(new_text_message(shout(context.get_user_input())))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError


def direct(port: str) -> None:
    interface = AgentInterface(url=f"http://127.0.0.1:{port}/", protocol_binding="JSONRPC", protocol_version="1.0")
    card = AgentCard(
        name=AGENT, description="Shouts.", version="1", supported_interfaces=[interface],
        capabilities=AgentCapabilities(), default_input_modes=["text/plain"], default_output_modes=["text/plain"],
        skills=[AgentSkill(id="shout", name="Shout", description="Shouts.", tags=["bench"])],
    )  # fmt: skip
    handler = DefaultRequestHandler(agent_executor=_Executor(), task_store=InMemoryTaskStore(), agent_card=card)
    app = Starlette(routes=[*create_agent_card_routes(card), *create_jsonrpc_routes(handler, "/")])
    uvicorn.run(
        app, host="127.0.0.1", port=int(port), log_config=None, access_log=False, loop="uvloop", http="httptools"
    )


if __name__ == "__main__":
    {"bus": bus, "direct": direct}[sys.argv[1]](*sys.argv[2:])
