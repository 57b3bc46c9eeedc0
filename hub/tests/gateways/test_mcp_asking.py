"""Arguments that were left out and may be asked for: the caller's user is asked before anything is called."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx2
import msgspec
import mcp_types as types
import pytest
import pytest_asyncio
import trunkline as tl
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from trunkline_hub.gateways.mcp.model import Tool
from trunkline_hub.gateways.mcp.model.forms import missing_form
from trunkline_hub.gateways.mcp.model.prompts import arguments_of

ERAS = ["auto", "legacy"]


@asynccontextmanager
async def client(hub, name, mode, on_question=None):
    secret = await hub.token("mcp:use")
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=30) as http:
        transport = streamable_http_client(f"{hub.url}/mcp/w/default/agents/{name}", http_client=http)
        async with Client(transport, mode=mode, cache=None, elicitation_callback=on_question) as opened:
            yield opened


def ask(question):
    return msgspec.Meta(extra_json_schema={"x-ask": question})


@dataclass
class Booking:
    guests: Annotated[int, ask("For how many?")]
    day: Annotated[str, ask("On which day?")]
    note: Annotated[str, ask("Anything else?")] = ""
    table: str = "any"


@pytest_asyncio.fixture(loop_scope="session")
async def booked(sqlite_hub, name):
    agent, calls = tl.Agent(name), []

    @agent.skill("book")
    async def book(order: Booking) -> dict:
        calls.append(order)
        return {"guests": order.guests, "day": order.day, "note": order.note, "table": order.table}

    async with sqlite_hub.serving(agent):
        yield calls


def answering(asked, action="accept", **content):
    async def answer(_ctx, params):
        asked.append((params.message, params.requested_schema))
        return types.ElicitResult(action=action, content=content or None)

    return answer


@pytest.mark.parametrize("mode", ERAS)
async def test_a_user_is_asked_for_what_was_left_out(sqlite_hub, booked, name, mode):
    asked = []
    async with client(sqlite_hub, name, mode, answering(asked, guests=3, day="Friday")) as mcp:
        result = await mcp.call_tool("book", {"table": "7"})
        assert result.structured_content == {"guests": 3, "day": "Friday", "note": "", "table": "7"}
        ((question, form),) = asked
        assert question == "For how many? On which day? Anything else?"
        assert set(form["properties"]) == {"guests", "day", "note"}
        assert form["properties"]["guests"] == {"type": "integer", "title": "For how many?"}
        assert form["required"] == ["guests", "day"]

        await mcp.call_tool("book", {"guests": 1, "day": "Monday", "note": "none"})
        assert len(asked) == 1, "nothing was missing"
    assert len(booked) == 2


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("action", "content", "told"),
    [("decline", {}, "was asked for"), ("cancel", {}, "was asked for"), ("accept", {"guests": "many"}, "guests")],
)
async def test_who_does_not_answer_as_asked_is_told_so_and_nothing_is_called(
    sqlite_hub, booked, name, mode, action, content, told
):
    async with client(sqlite_hub, name, mode, answering([], action, **content)) as mcp:
        result = await mcp.call_tool("book", {})
        assert result.is_error
        assert told in result.content[0].text
    assert booked == []


@pytest.mark.parametrize("mode", ERAS)
async def test_who_cannot_ask_its_user_gets_the_error_for_what_is_missing(sqlite_hub, booked, name, mode):
    async with client(sqlite_hub, name, mode) as mcp:
        result = await mcp.call_tool("book", {"day": "Friday", "note": ""})
        assert result.is_error
        assert "guests" in result.content[0].text
    assert booked == []


@pytest.mark.parametrize(
    "schema", [{"properties": "none"}, {"properties": {"a": 7}}, {"properties": [], "required": 3}]
)
def test_a_schema_that_cannot_be_read_asks_for_nothing(schema):
    tool = Tool(name="t", skill="t", agent=None, offered_by=("a",), input_schema={"type": "object", **schema})
    assert missing_form(tool, {}) is None
    assert arguments_of(tool) == []
