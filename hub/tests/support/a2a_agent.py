"""An agent elsewhere: a server of the A2A project's own library, over JSON-RPC and gRPC, which asks before it does anything."""

import asyncio
from contextlib import asynccontextmanager

import grpc
import uvicorn
from a2a.helpers import new_task_from_user_message, new_text_artifact, new_text_message
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.request_handlers.grpc_handler import GrpcHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.context import ServerCallContext
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from a2a.types import a2a_pb2 as pb
from a2a.types.a2a_pb2_grpc import add_A2AServiceServicer_to_server
from starlette.applications import Starlette


_NOBODY = ServerCallContext()


class Asking(AgentExecutor):
    """Asks for a glaze until it is told one; `reject` is rejected, `secret` wants to see a ticket, `plain` is answered at once."""

    def __init__(self):
        self.heard, self.cancelled, self.metadata = [], asyncio.Event(), []

    async def execute(self, context, event_queue):
        text = context.get_user_input()
        self.heard.append((context.task_id, text))
        if text == "plain":
            await event_queue.enqueue_event(new_text_message("at once"))
            return
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        if context.current_task is None:
            ask = updater.requires_auth if text == "secret" else updater.requires_input
            await ask(updater.new_agent_message([pb.Part(text=f"Which glaze for {text}?")]))
        elif text == "reject":
            await updater.reject(updater.new_agent_message([pb.Part(text="no such glaze")]))
        elif text == "crash":
            await updater.failed(updater.new_agent_message([pb.Part(text="the oven burnt down")]))
        elif text == "ask again":
            await updater.requires_input(updater.new_agent_message([pb.Part(text="Once more?")]))
        else:
            await updater.start_work(updater.new_agent_message([pb.Part(text="baking")]))
            await updater.add_artifact([pb.Part(text=f"cake with {text}")], name="cake")
            await updater.complete()

    async def elsewhere(self, state, text, made=()):
        """Let the only task go on by itself: somebody saw to it by another way."""
        (task,) = (await self.store.list(pb.ListTasksRequest(), _NOBODY)).tasks
        task.status.CopyFrom(pb.TaskStatus(state=state, message=new_text_message(text)))
        task.artifacts.extend(new_text_artifact(one, one) for one in made)
        await self.store.save(task, _NOBODY)

    async def forget(self):
        """Lose the only task."""
        (task,) = (await self.store.list(pb.ListTasksRequest(), _NOBODY)).tasks
        await self.store.delete(task.id, _NOBODY)

    async def cancel(self, context, event_queue):
        self.cancelled.set()
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def _card(interfaces, streaming):
    return AgentCard(
        name="asking", description="Asks.", version="1", supported_interfaces=interfaces,
        capabilities=AgentCapabilities(streaming=streaming), default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[AgentSkill(id="bake", name="Bake", description="Bakes.", tags=["cake"])],
    )  # fmt: skip


@asynccontextmanager
async def asking(*, binding="JSONRPC", streaming=True, tls=None):
    """Run one; it speaks both bindings, gRPC by TLS where it is given a `tls` authority; its card offers `binding`, and gives (executor, address)."""
    executor = Asking()

    class Noting(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation, details):
            executor.metadata.append(dict(details.invocation_metadata))
            return await continuation(details)

    rpc = grpc.aio.server(interceptors=[Noting()])
    if tls is None:
        grpc_url = f"127.0.0.1:{rpc.add_insecure_port('127.0.0.1:0')}"
    else:
        shown = [(tls.key.read_bytes(), tls.chain.read_bytes())]
        grpc_url = f"grpcs://127.0.0.1:{rpc.add_secure_port('127.0.0.1:0', grpc.ssl_server_credentials(shown))}"
    config = uvicorn.Config(Starlette(), host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
    listening = config.bind_socket()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    offered = [
        AgentInterface(url=f"{url}/rpc", protocol_binding="JSONRPC", protocol_version="1.0"),
        AgentInterface(url=grpc_url, protocol_binding="GRPC", protocol_version="1.0"),
    ]
    executor.store = InMemoryTaskStore()
    card = _card([one for one in offered if one.protocol_binding == binding], streaming)
    handler = DefaultRequestHandler(agent_executor=executor, task_store=executor.store, agent_card=card)
    add_A2AServiceServicer_to_server(GrpcHandler(handler), rpc)
    await rpc.start()
    config.app = Starlette(routes=[*create_agent_card_routes(card), *create_jsonrpc_routes(handler, "/rpc")])
    server = uvicorn.Server(config)
    serving = asyncio.get_running_loop().create_task(server.serve(sockets=[listening]))
    try:
        yield executor, url
    finally:
        server.should_exit = True
        await asyncio.wait({serving}, timeout=10)
        serving.cancel()
        await rpc.stop(0)
