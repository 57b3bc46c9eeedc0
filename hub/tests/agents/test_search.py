"""Finding agents and skills: the same answers on every database, and on every hub."""

import json

import pytest
import pytest_asyncio
import trunkline as tl
from trunkline.protocol import frames
from trunkline.protocol.errors import AgentOwnedError, RequestInvalidError
from trunkline.protocol.resources import SkillMatch
from trunkline.protocol.versions import VersionRange

from support.hub import eventually

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
BILL = {
    "type": "object", "properties": {"number": {"type": "integer"}, "paid": {"type": "boolean"}}, "required": ["number"],
    "additionalProperties": False,
}  # fmt: skip


def skill(name: str, description: str = "", **options) -> frames.Skill:
    return frames.Skill(name=name, description=description, **options)


@pytest_asyncio.fixture(loop_scope="session")
async def shop(hub, name):
    """Three agents, with names and words of this test's own."""
    word = name.replace("-", "")
    async with hub.client() as client:
        await client.agents.register(f"{name}.bills", frames.Registration(
            version="1.4.0", title="Billing", description=f"Books {word} invoices.", labels={"team": name, "tier": "1"},
            interfaces=[frames.Interface(protocol="a2a", url="https://example.org/a2a", binding="JSONRPC")],
            limits=frames.Limits(concurrency=4, calls_per_s=2.5), documentation_url="https://example.org/bills",
            icon_url="https://example.org/bills.png",
            skills=[
                skill(f"{name}.book", f"Books an invoice of {word}.", tags=[name, "money"], input_schema=BILL, output_schema=TEXT,
                      title="Book", examples=[{"number": 1}], idempotent=True, balance=frames.Balance(policy="round_robin")),
                skill(f"{name}.cancelInvoice", f"Takes a {word} booking back.", tags=["money"], input_schema=BILL),
            ],
        ))  # fmt: skip
        await client.agents.register(f"{name}.mail", frames.Registration(
            version="2.0.0", description=f"Writes letters about {word}.", labels={"team": name},
            skills=[skill(f"{name}.letter", f"Writes {word} letters and reminders for invoices.", tags=[name], input_schema=TEXT, output_schema=TEXT)],
        ))  # fmt: skip
        await client.agents.register(
            f"{name}.old", frames.Registration(version="0.9.1-beta.2", labels={"team": "x" + name})
        )
        yield client


def names(page) -> list[str]:
    return [one.name.rsplit(".", 1)[1] for one in page.items]


def skills(page) -> list[str]:
    return [one.skill.name.rsplit(".", 1)[1] for one in page.items]


async def test_everything_that_is_registered_is_shown_again(shop, name):
    found = await shop.agents.get(f"{name}.bills")
    assert (found.title, found.labels, found.limits.calls_per_s) == ("Billing", {"team": name, "tier": "1"}, 2.5)
    assert (found.interfaces[0].protocol, found.documentation_url, found.icon_url, found.origin) == (
        "a2a", "https://example.org/bills", "https://example.org/bills.png", "sdk",
    )  # fmt: skip
    book = found.skills[0]
    assert (book.title, book.examples, book.idempotent, book.balance.policy) == (
        "Book",
        [{"number": 1}],
        True,
        "round_robin",
    )


async def test_words_find_agents_and_skills_the_best_first(shop, name):
    word = name.replace("-", "")
    assert names(await shop.agents.search(f"{word} invoices"))[0] == "bills"
    assert skills(await shop.skills.search(f"invoice {word}"))[0] == "cancelInvoice", "a name counts most"
    assert skills(await shop.skills.search(f"reminder {word}")) == ["letter"], "a plural is found by its singular"
    assert skills(await shop.skills.search(f"{word} cancel")) == ["cancelInvoice"], "humps are words"
    assert skills(await shop.skills.search(f"{word} xyzzyplugh")) == skills(await shop.skills.search(word))
    assert (await shop.skills.search("xyzzyplugh")).items == []


async def test_filters_narrow_and_go_together(shop, name):
    mine = {"label": f"team={name}"}
    assert names(await shop.agents.list(**mine)) == ["bills", "mail"]
    assert names(await shop.agents.list(label=[f"team={name}", "tier"])) == ["bills"]
    assert names(await shop.agents.list(version="^1.2", **mine)) == ["bills"]
    assert names(await shop.agents.list(version=">=1,<3", **mine)) == ["bills", "mail"]
    assert names(await shop.agents.list(protocol="a2a", **mine)) == ["bills"]
    assert names(await shop.agents.list(tag=name)) == ["bills", "mail"]
    assert names(await shop.agents.list(skill=f"{name}.letter")) == ["mail"]
    assert names(await shop.agents.list(origin="openapi", **mine)) == []
    assert names(await shop.agents.list(state="healthy", **mine)) == []
    assert skills(await shop.skills.search(tag="money", agent=f"{name}.bills")) == ["book", "cancelInvoice"]
    assert skills(await shop.skills.search(skill=f"{name}.book", **mine)) == ["book"]


@pytest.mark.parametrize("text", [False, True])
async def test_pages_follow_on_one_another(shop, name, text):
    options = {"text": name.replace("-", "")} if text else {"label": f"team={name}"}
    first = await shop.skills.search(limit=2, **options)
    second = await shop.skills.search(limit=2, cursor=first.next, **options)
    assert sorted(skills(first) + skills(second)) == ["book", "cancelInvoice", "letter"]
    assert second.next is None


async def test_who_can_take_this(shop, name):
    mine = {"labels": [f"team={name}"]}

    async def match(**asked):
        return skills(await shop.skills.match(SkillMatch(**asked, **mine)))

    assert await match(input={"number": 7}) == ["book", "cancelInvoice"]
    assert await match(input={"number": "7"}) == []
    assert await match(input={"number": 7, "colour": "red"}) == [], "the schema is closed"
    assert await match(input={"text": "a", "more": 1}) == ["letter"]
    assert await match(input={"number": 7}, output_schema=TEXT) == ["book"]
    number = {"type": "object", "properties": {"number": {"type": "integer", "minimum": 3}}, "required": ["number"]}
    assert await match(input_schema=number) == ["book", "cancelInvoice"]
    assert (
        await match(
            input_schema={"type": "object", "properties": {"number": {"type": "number"}}, "required": ["number"]}
        )
        == []
    )
    assert sorted(await match(output_schema=TEXT)) == ["book", "letter"]
    assert await match(output_schema=BILL) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("version=nonsense", "/version"), ("origin=mars", "/origin"), ("state=sleepy", "/state")],
)
async def test_filters_that_say_nothing_are_refused(sqlite_hub, query, pointer):
    answer = await sqlite_hub.admin("GET", f"agents?{query}")
    assert (answer.status, answer.pointers) == (422, [pointer])


@pytest.mark.parametrize("raw", ["{}", '{"limit":0,"input":1}', '{"input":1,"cursor":"!"}', '{"input_schema":7}', "[]"])
async def test_a_match_that_asks_nothing_is_refused(sqlite_hub, raw):
    answer = await sqlite_hub.admin("POST", "skills/match", raw=raw.encode())
    assert answer.status in {400, 422}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.org/x"},
        {"required": 7},
        {"type": ["x", 1]},
        {"properties": []},
    ],
)
async def test_a_schema_that_is_none_neither_matches_nor_stops_the_search(sqlite_hub, name, schema):
    async with sqlite_hub.client() as client:
        odd = skill(f"{name}.odd", input_schema=schema, output_schema=schema)
        good = skill(f"{name}.good", input_schema=TEXT)
        await client.agents.register(name, frames.Registration(skills=[odd, good], labels={"only": name}))
        asked = SkillMatch(input={"text": "a"}, labels=[f"only={name}"])
        assert skills(await client.skills.match(asked)) == ["good"]
        await client.skills.match(SkillMatch(input_schema=TEXT, output_schema=schema))


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": {"not a key": "x"}}, {"labels": {"a": "\x07"}}, {"limits": {"concurrency": 0}}, {"title": "x" * 256},
        {"interfaces": [{"protocol": "", "url": "x"}]}, {"skills": [{"name": "a", "tags": [""]}]}, {"icon_url": "x" * 3000},
    ],
)  # fmt: skip
async def test_what_cannot_be_registered_is_pointed_at(sqlite_hub, name, wrong):
    answer = await sqlite_hub.admin("PUT", f"agents/{name}", raw=json.dumps(wrong).encode())
    assert answer.status == 422 and answer.pointers


async def test_a_changed_and_a_removed_agent_are_found_as_they_are_now_by_any_hub(own_hub, name):
    one, two = await own_hub(), await own_hub(hub_id="hub-2")
    async with one.client() as writer, two.client() as reader:
        for version in ("1.0.0", "2.0.0"):
            await writer.agents.register(
                name, frames.Registration(version=version, skills=[skill(f"s{version[0]}", "juggles")])
            )
            assert [a.version for a in (await reader.agents.search("juggles")).items] == [version]
            assert [s.skill.name for s in (await reader.skills.search("juggle")).items] == [f"s{version[0]}"]
        await writer.agents.remove(name)
        assert (await reader.agents.search("juggles")).items == []
        assert (await reader.skills.search("juggles")).items == []


async def test_changes_are_told_to_those_who_watch_on_any_hub(own_hub, name):
    one, two = await own_hub(), await own_hub(hub_id="hub-2")
    async with one.client() as writer, two.client() as reader:
        watching = reader.agents.watch(after=0)
        await writer.agents.register(name, frames.Registration(version="1"))
        first = await anext(watching)
        assert (first.change, first.agent, first.version) == ("registered", name, "1")
        await writer.agents.register(name, frames.Registration(version="1"))
        await writer.agents.register(name, frames.Registration(version="2"))
        assert ((await anext(watching)).change) == "updated", "what is just as before is no change"
        await writer.agents.remove(name)
        removed = await anext(watching)
        assert removed.change == "removed"
        await watching.aclose()
        again = reader.agents.watch(after=first.revision)
        assert (await anext(again)).change == "updated", "one may go on after what one saw"
        await again.aclose()
        assert [c.change for c in (await reader.agents.history(name)).items] == ["removed", "updated", "registered"]


async def test_an_agents_states_are_put_on_record(hub, name):
    async with hub.client() as client:
        async with hub.serving(tl.Agent(name, labels={"a": "b"}, title="T")):
            await eventually(lambda: recorded(client, name, "healthy"))
            found = await client.agents.list(state="healthy", label="a=b", text=name)
            assert [one.name for one in found.items] == [name]
        changes = await eventually(lambda: recorded(client, name, "offline"))
        assert "it stopped" in [c.reason for c in changes if c.state == "offline"]
        shown = await client.agents.get(name)
        assert (shown.state, shown.reason, shown.title) == ("offline", "it stopped", "T") and shown.state_since


async def recorded(client, name, state):
    changes = (await client.agents.history(name)).items
    return changes if any(c.state == state and not c.instance for c in changes) else None


@pytest.mark.parametrize(
    ("text", "version", "is_in"),
    [
        ("^1.2", "1.2.0", True), ("^1.2", "1.9.9", True), ("^1.2", "2.0.0", False), ("^1.2", "1.1.9", False),
        ("^0.2.3", "0.2.9", True), ("^0.2.3", "0.3.0", False), ("~1.2", "1.2.9", True), ("~1.2", "1.3.0", False),
        (">=1,<2", "1.5", True), (">=1,<2", "2.0.0", False), (">1", "1.5.0", False), (">1", "2.0.0", True),
        ("<=1.2", "1.2.7", True), ("1.x", "1.7.0", True), ("1.x || 3", "3.1.4", True), ("*", "0.0.1", True),
        ("=1.2.3", "1.2.3", True), ("1.2.3", "v1.2.3", True), ("^1", "2.0.0-alpha", False), ("^1.2.3-beta.2", "1.2.3-beta.10", True),
        ("^1.2.3-beta.2", "1.2.4-beta.10", False), (">=1", "1.5.0-rc.1", False), ("^1", "not-a-version", False),
    ],
)  # fmt: skip
def test_version_ranges(text, version, is_in):
    assert (version in VersionRange(text)) is is_in


@pytest.mark.parametrize("text", ["nonsense", "^", ">=", "1.2.3.4", "^x.y", "1 2 three", "9" * 300])
def test_what_is_no_version_range(text):
    with pytest.raises(ValueError):
        VersionRange(text)
