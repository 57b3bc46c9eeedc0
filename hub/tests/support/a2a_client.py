"""Clients of the A2A project's own library, on each binding, and an agent for them."""

from contextlib import asynccontextmanager

import grpc
import httpx
import trunkline as tl
from a2a.client import ClientConfig, ClientFactory
from a2a.client.card_resolver import parse_agent_card

BINDINGS = ("JSONRPC", "HTTP+JSON", "GRPC")
USE = ("a2a:use", "tasks:run")
VERSION = {"A2A-Version": "1.0"}


def plain() -> tl.Agent:
    agent = tl.Agent("plain", description="Answers at once.")

    @agent.skill("plain.echo")
    async def echo(text: str) -> str:
        return text.upper()

    @agent.skill("plain.add")
    async def add(numbers: list[int]) -> dict:
        return {"sum": sum(numbers)}

    return agent


@asynccontextmanager
async def talking(hub, token, binding, agent="tck"):
    """A client of the A2A project's own library, that was given nothing but the card."""
    http = httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30)
    found = await http.get(f"{hub.url}/a2a/w/default/agents/{agent}/.well-known/agent-card.json", headers=VERSION)
    assert found.status_code == 200, found.text
    config = ClientConfig(
        httpx_client=http, supported_protocol_bindings=[binding], use_client_preference=True,
        grpc_channel_factory=lambda url: grpc.aio.insecure_channel(url, interceptors=_bearing(token)),
    )  # fmt: skip
    client = ClientFactory(config).create(parse_agent_card(found.json()))
    try:
        yield client
    finally:
        await client.close()
        await http.aclose()


def _bearing(token):
    class Unary(grpc.aio.UnaryUnaryClientInterceptor):
        async def intercept_unary_unary(self, continuation, details, request):
            return await continuation(_with(details), request)

    class Stream(grpc.aio.UnaryStreamClientInterceptor):
        async def intercept_unary_stream(self, continuation, details, request):
            return await continuation(_with(details), request)

    def _with(details):
        metadata = [*(details.metadata or ()), ("authorization", f"Bearer {token}")]
        return details._replace(metadata=grpc.aio.Metadata(*metadata))

    return [Unary(), Stream()]


async def sent(client, request):
    return [event async for event in client.send_message(request)]
