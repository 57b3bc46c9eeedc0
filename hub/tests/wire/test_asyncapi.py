"""`contracts/asyncapi.json` is valid AsyncAPI, and names every subject that the code makes, grants, stores or sends."""

import inspect
import json
import re
import subprocess
from contextlib import asynccontextmanager

import jsonschema_rs
import msgspec
import pytest
import trunkline as tl
from nats.aio.client import Client as Nats
from trunkline.protocol import queueing, subjects
from trunkline_hub.bus import streams
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.core.principal import Principal
from trunkline_hub.security import model as security

from support.hub import eventually
from wire import specimens
from wire.conftest import ENVIRONMENT, ROOT
from wire.test_specification import payload_of
from wire.test_typescript_agent import prefix, program, python_agent, token  # noqa: F401 -- fixtures

DOCUMENT = json.loads((ROOT / "contracts" / "asyncapi.json").read_text())
MANY = {"{type}", "{inbox}", "{position}"}
"""Parameters of one token or several."""
ARGUMENTS = {
    "workspace": "default", "principal": "a.b", "event_type": "order.created", "group": "g*", "queue": "q>", "lane": "queue",
    "reader": "größe", "caller": "alice", "skill": "_", "agent": "my agent", "instance": "i1", "called": "019a", "writer": "w",
    "task_id": "t", "connection": "0c9f", "number": 7, "topic": "indexes", "pattern": "order.*",
    "original": "tl.default.events.a.order.created", "place": ("limited", "high", 3),
}  # fmt: skip


def addresses() -> dict[str, list[str]]:
    return {name: channel["address"].split(".") for name, channel in DOCUMENT["channels"].items()}


def overlaps(pattern: list[str], other: list[str]) -> bool:
    """Whether some subject fits both: tokens, `*`, `>` and parameters in braces on either side."""
    if not pattern or not other:
        return pattern == other
    (one, *rest), (two, *more) = pattern, other
    if ">" in {one, two}:
        return True
    if two in MANY and more == [] or one in MANY and rest == []:
        return True
    alike = one == two or "*" in {one, two} or fits(one, two) or fits(two, one)
    return alike and overlaps(rest, more)


def fits(template: str, token: str) -> bool:
    """Whether a token is what a parameter stands for, behind a fixed beginning."""
    fixed, brace, _name = template.partition("{")
    return bool(brace) and token.startswith(fixed)


def channels_of(subject: str) -> list[str]:
    return [name for name, address in addresses().items() if overlaps(subject.split("."), address)]


def validated(parser, document: object) -> dict:
    done = subprocess.run(
        ["node", "validate.mjs"], cwd=parser, env=ENVIRONMENT, input=json.dumps(document), capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_official_parser_finds_nothing_wrong(parser):
    assert validated(parser, DOCUMENT) == {"version": "3.1.0", "diagnostics": []}


def test_the_official_parser_would_find_something(parser):
    broken = json.loads(json.dumps(DOCUMENT))
    broken["channels"]["beats"]["messages"]["beat"] = {"$ref": "#/components/messages/none"}
    broken["operations"]["sendBeats"]["action"] = "shout"
    assert len(validated(parser, broken)["diagnostics"]) >= 2


def made() -> dict[str, str]:
    """Return what every function that makes a subject makes, out of names that need encoding."""
    found = {}
    for module in (subjects, queueing):
        for name, function in inspect.getmembers(module, callable):
            if (
                name.startswith("_")
                or isinstance(function, type)
                or getattr(function, "__module__", "") != module.__name__
            ):
                continue
            wanted = inspect.signature(function).parameters
            if set(wanted) <= ARGUMENTS.keys() and inspect.signature(function).return_annotation is str:
                given = ARGUMENTS | ({"lane": "events"} if name == "gate_filter" else {})
                subject = function(**{one: given[one] for one in wanted})
                found[f"{module.__name__}.{name}"] = f"{subject}>" if subject.endswith(".") else subject
    paged = queueing.address("default", "q>", ("paged.2", "high", 3), "a.b")
    found["trunkline.protocol.queueing.address on a page"] = paged
    return {name: subject for name, subject in found.items() if subject.startswith(f"{subjects.ROOT}.")}


SUBJECTS = made()


def test_the_functions_that_make_subjects_are_found():
    names = {name.rsplit(".", 1)[1] for name in SUBJECTS}
    assert {"event", "redrive_event", "task", "address", "call", "reply", "cancel", "work", "attempts", "beat"} <= names
    drawn = {
        line.strip().split(".")[2] for line in subjects.__doc__.splitlines() if line.strip().startswith("tl.<ws>.")
    }
    assert drawn - {subject.split(".")[2] for subject in SUBJECTS.values()} == {"schedule", "due"}, "the hub's own"


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_subject_that_the_code_makes_lies_on_one_channel(name):
    found = channels_of(SUBJECTS[name])
    assert len(found) == 1, (SUBJECTS[name], found)


def test_every_channel_is_made_by_the_code():
    reached = {name for subject in SUBJECTS.values() for name in channels_of(subject)}
    others = {"pulls", "verdicts", "inbox", "schedules", "due", "rollCall"}
    assert set(DOCUMENT["channels"]) == reached | others


def test_every_right_on_the_bus_is_to_a_channel():
    kinds = ("agent", "skill", "queue", "group")
    grants = [security.Grant(workspace="default", agent="greeter", kind=kind, name="n") for kind in kinds]
    who = Principal(name="wren", workspace="default", scopes=frozenset({"*"}), via="token", key_id="k")
    rights = security.rights(who, grants, {})
    assert len(rights.publish) > 10
    strangers = [one for one in rights.publish + rights.subscribe if not channels_of(one)]
    assert strangers == ["$JS.FC.EVENTS_default.>"], "flow control of live views, which the broker asks for"


def test_streams_are_as_the_document_says():
    told = {}
    for channel in DOCUMENT["channels"].values():
        if "x-stream" in channel:
            name = channel["x-stream"].replace("{workspace}", "default")
            told.setdefault(name, []).append(channel["address"].split("."))
    real = {config.name: config.subjects for config in streams.workspace_streams("default", BusSettings())}
    assert set(told) == {*real, "TASKS_default~{queue}", "TASKS_default~~{page}"}
    for name, patterns in real.items():
        for address in told[name]:
            assert any(overlaps(pattern.split("."), address) for pattern in patterns), (name, address)


EXAMPLES = {
    "beat": "beat", "beat-answer": "beat", "call": "call", "result": "result", "error": "error", "progress": "progress",
    "publish": "event", "enqueue": "event", "attempt": "attempt", "gate-answer": "accepted", "step-working": "taskEvent",
    "step-progress": "taskEvent", "step-artifact": "taskEvent", "step-completed": "taskEvent", "pull": "pull", "structured": "event",
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_specification_fit_the_schemas(name):
    kind, text = next((kind, text) for _page, kind, found, text in specimens.blocks() if found == name)
    payload = payload_of(name)[1] if kind == "nats" else text.encode()
    schema = DOCUMENT["components"]["messages"][EXAMPLES[name]]["payload"]
    validator = jsonschema_rs.validator_for(schema | {"components": DOCUMENT["components"]})
    assert [error.message for error in validator.iter_errors(msgspec.json.decode(payload))] == []


@asynccontextmanager
async def tapped(hub):
    """Hear everything that is said on the bus, as the hub's own user."""
    secrets, heard = hub.broker.secrets, []

    async def note(msg) -> None:
        heard.append(msg)

    client = Nats()
    await client.connect(hub.broker.urls, user="hub", password=secrets.hub_password, allow_reconnect=False)
    try:
        await client.subscribe("tl.>", cb=note)
        await client.flush()
        yield client, heard
    finally:
        await client.close()


async def test_all_that_is_said_on_the_bus_lies_on_a_channel(sqlite_hub, program, token, prefix):  # noqa: F811
    """An agent in each language, called, given work that succeeds and that fails, and a task that is called off."""
    async with tapped(sqlite_hub) as (_client, heard):
        async with sqlite_hub.serving(python_agent(prefix), token), sqlite_hub.connected(token) as client:
            await client.call(f"{prefix}count-words", "a b", timeout_s=10)
            for text in ("a b", "", "c"):
                await client.enqueue(f"{prefix}texts", {"text": text})
            task = await client.tasks.start(f"{prefix}word-report", "for ever")
            await client.tasks.cancel(task.id)
            kinds = {"events", "tasks", "call", "reply", "beat", "receipts", "work", "cancel"}
            await eventually(lambda: kinds <= {msg.subject.split(".")[2] for msg in heard})
    strangers = {msg.subject for msg in heard if len(channels_of(msg.subject)) != 1}
    assert not strangers


async def test_a_probe_is_answered_by_a_beat_both_ways(sqlite_hub, program, token, prefix):  # noqa: F811
    agent = f"{prefix}ts-words"

    async def instance():
        found = (await sqlite_hub.admin("GET", f"agents/{agent}")).json["instances"]
        return found[0]["id"] if found else None

    mark = await eventually(instance)
    direct = subjects.probe("default", agent, mark)
    by_call = subjects.call("default", subjects.HUB, f"{prefix}count-words", agent, mark)
    reply = subjects.reply("default", f"{prefix}count-words", subjects.HUB, "probe", 0)
    async with tapped(sqlite_hub) as (client, heard):
        await client.publish(direct, headers={"Tl-Probe": "p1"})
        await client.publish(by_call, reply=reply, headers={"Tl-Probe": "p2"})
        beats = subjects.beat("default", f"owner-{prefix[:-1]}", agent, mark)

        def answers():
            return {msgspec.json.decode(msg.data).get("answers") for msg in heard if msg.subject == beats} >= {
                "p1",
                "p2",
            }

        await eventually(answers, timeout_s=10)
    kinds = {(msg.headers or {}).get("Tl-Kind") for msg in heard if msg.subject == reply}
    assert kinds <= {"alive"}, "a probe is no call"


def test_the_generator_speaks_of_the_same_edition():
    assert DOCUMENT["info"]["version"] == tl.protocol.version.EDITION
    assert re.fullmatch(r"\d+\.\d+", DOCUMENT["info"]["version"])
