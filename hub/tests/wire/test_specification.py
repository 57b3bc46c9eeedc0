"""`docs/protocol/` says what the code does: every example, byte by byte, and every number and name in its tables."""

import re

import msgspec
import pytest
import trunkline as tl
from trunkline import deferral, delivery, following, publisher, pulling, retry, serving, task_runs
from trunkline import processing as p
from trunkline.protocol import error_rules, frames, modes, queueing, subjects, version
from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import CATALOGUE, ProtocolUnsupportedError
from trunkline.protocol.tasks import TaskEvent
from trunkline_hub.agents import model as agents
from trunkline_hub.agents.model import registration as rules
from trunkline_hub.agents.settings import AgentsSettings
from trunkline_hub.bus import streams
from trunkline_hub.tasks.model import MAX_RECORD_BYTES, fold_all

from support.letters import raw_client
from wire import specimens
from wire.specimens import SPECIMENS

PAGES = {page.name: page.read_text() for page in specimens.PAGES.glob("*.md")}
BLOCKS = specimens.blocks()


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block[2])
def test_an_example_is_what_the_code_sends(block):
    _page, _kind, name, text = block
    assert text == SPECIMENS[name]()


def test_every_block_is_an_example_and_every_example_stands_on_a_page():
    fences = sum(text.count("\n```") for text in PAGES.values())
    assert fences == 2 * len(BLOCKS), "a block without a name, or without a check"
    assert sorted(name for _page, _kind, name, _text in BLOCKS) == sorted(SPECIMENS)


def payload_of(name: str) -> tuple[dict[str, str], bytes]:
    """Read a `nats` block as the other side would: lengths decide, not line ends."""
    text = next(text for _page, _kind, found, text in BLOCKS if found == name)
    line, rest = text.split("\n", 1)
    words = line.split(" ")
    if words[0] == "PUB":
        assert len(rest.removesuffix("\n").encode()) == int(words[-1])
        return {}, rest.removesuffix("\n").encode()
    head, _, body = rest.partition("\n\n")
    wire = head.replace("\n", "\r\n").encode() + b"\r\n\r\n"
    assert (len(wire), len(wire) + len(body.removesuffix("\n").encode())) == (int(words[-2]), int(words[-1]))
    headers = dict(entry.split(": ", 1) for entry in head.split("\n")[1:])
    return headers, body.removesuffix("\n").encode()


@pytest.mark.parametrize("name", [name for _page, kind, name, _text in BLOCKS if kind == "nats"])
def test_the_lengths_in_a_nats_line_are_those_of_what_follows(name):
    payload_of(name)


@pytest.mark.parametrize("name", specimens.SHAPES)
def test_an_example_is_understood_to_the_last_field(name):
    """Decoded and encoded again nothing is gone: no field that the code does not know."""
    kind = next(kind for _page, kind, found, _text in BLOCKS if found == name)
    text = next(text for _page, _kind, found, text in BLOCKS if found == name).encode()
    raw = payload_of(name)[1] if kind == "nats" else text
    again = msgspec.json.encode(msgspec.json.decode(raw, type=specimens.SHAPES[name]))
    shown = msgspec.json.decode(raw)
    if name == "registration":
        assert shown.pop("protocol") == 1
    assert msgspec.json.decode(again) == shown


@pytest.mark.parametrize("name", specimens.EVENTS)
def test_an_example_event_reads_as_one(name):
    headers, payload = payload_of(name)
    message = modes.read(payload, headers)
    assert message.specversion == "1.0"
    assert bytes(ce.data_bytes(message)) in {b'{"id":7}', b'{"name":"Ada"}', b'"Hello, Ada"', "grüß".encode()}


def test_the_puback_examples_read_as_stored_and_as_full():
    stored, full = next(text for _page, _kind, name, text in BLOCKS if name == "puback").splitlines()
    read = [msgspec.json.decode(line, type=publisher.PubAck) for line in (stored, full)]
    assert read[0].error is None
    assert read[1].error.err_code in publisher._ERR_STORE_FULL


def test_the_example_course_is_a_task_that_is_completed():
    created = TaskEvent(kind="created", at=specimens.TIME, seed=specimens.SEED)
    names = ["step-working", "step-progress", "step-artifact", "step-completed"]
    told = [msgspec.json.decode(payload_of(name)[1], type=TaskEvent) for name in names]
    steps = [(subjects.HUB, created), *((specimens.OWNER, event) for event in told)]

    class Step:
        def __init__(self, seq, writer, event):
            self.seq, self.writer, self.event = seq, writer, event
            self.agent, self.task_id = specimens.AGENT, specimens.TASK_ID

    record = fold_all(None, [Step(seq, *step) for seq, step in enumerate(steps, 1)])
    assert (record.state, record.artifacts[0].parts[0].data, record.turn, record.attempt) == (
        "completed", {"sum": 12}, 1, 1,
    )  # fmt: skip


def table(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table behind a heading."""
    text = PAGES[page].split(f"# {heading}\n", 1)[1]
    lines = text[text.index("\n|") :].strip().split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_table_of_subjects_is_the_grammar():
    listed = {re.match(r"`([^`]+)`", row[0])[1] for row in table("README.md", "Subjects")}
    drawn = {
        line.strip().split("  ")[0]
        for line in subjects.__doc__.splitlines()
        if line.strip().startswith("tl.") and not re.match(r"\s*tl\.(<ws>\.(schedule|due)|hubs|verdicts)\.", line)
    }
    assert listed == drawn


def test_the_table_of_headers_is_the_code():
    listed = set(re.findall(r"`(Tl-[A-Za-z-]+|Nats-Msg-Id)`", "".join(row[0] for row in table("README.md", "Headers"))))
    known = {value for name, value in vars(frames).items() if name.startswith("HEADER_")}
    assert listed == known - {frames.HEADER_DEDUPE_KEY, frames.HEADER_DISCARDED_BY}, "those are between hub and REST"


def test_the_codes_on_the_pages_are_in_the_catalogue_with_their_status():
    known = {error.code: error.status for error in CATALOGUE}
    for row in table("README.md", "Errors"):
        codes, statuses = (re.findall(r"[a-z_]+\.[a-z_]+|\d+", cell) for cell in row[:2])
        assert [known[code] for code in codes] == [int(status) for status in statuses]
    named = re.findall(r"`((?:agent|queue|skill|request|bus|message|task|call)\.[a-z_]+)`", "".join(PAGES.values()))
    assert not {code for code in named if code not in known and not code.startswith("agent.<")}


def test_the_numbers_on_the_pages_are_those_of_the_code():
    every = {
        "README.md": {
            f"{streams.DUPLICATE_WINDOW_S:g} s": "same `Nats-Msg-Id`",
            f"{publisher.MAX_BATCH} messages, {publisher.MAX_BATCH_BYTES:,} bytes": "an atomic batch",
            f"{rules._MAX_SKILLS:,} skills, {rules._MAX_LABELS} labels, {rules._MAX_TAGS} tags a skill, "
            f"{rules._MAX_BYTES // 2**20} MiB": "a registration",
            f"1 to {agents.MAX_LEASE_S:g} s": "a lease of presence",
            f"{serving._DEFAULT_TIMEOUT_S:g} s": "a call without",
            f"{queueing.MAX_CLASSES}, {queueing.MAX_PARTITIONS}, {queueing.MAX_LANES}": "classes of a queue",
            f"1 to {error_rules.MAX_ATTEMPTS}": "`max_attempts`",
            f"{p._ERROR_CHARS} characters": "`Tl-Error`",
            f"{p._TRACEBACK_CHARS:,} characters": "`error.traceback`",
            f"{task_runs.INLINE_BYTES // 1024} KiB": "part of an artifact",
            f"{MAX_RECORD_BYTES // 2**20} MiB": "part of an artifact",
            f"less {publisher.HEADER_RESERVE} bytes": "headers and payload",
        },
        "messages.md": {
            f"none for {publisher.ACK_TIMEOUT_S:g} s": "again with the same",
            f"for {publisher.GIVE_UP_S:g} s in all": "again with the same",
            f"{publisher.RETRY_S:g} s": "any other `error`",
        },
        "reading.md": {
            f"above {deferral.LONG_S:g} s": "For waits",
            f"after {pulling.HEARTBEAT_S * 2.5:g} s without": "must",
            f"`-NAK {{\"delay\": {p._STORE_RETRY_S * 1e9:.0f}}}`": "could not be stored",
            f"from 1 to {delivery._MAX_ATTEMPT:,}": "`Tl-Attempt`",
        },
        "connecting.md": {f"(every {AgentsSettings().probe_s:g} s by default)": "asks now and then",
            f"cut to {tl.agent._PROBE_CHARS} characters": "heartbeat out of turn", f"every {following.ASK_S:g} s": "should", f"for {tl.agent.DRAIN_S:g} s at most": "finish"},
    }  # fmt: skip
    for page, numbers in every.items():
        for number, beside in numbers.items():
            assert [line for line in PAGES[page].splitlines() if number in line and beside in line], (page, number)
    assert {publisher._ERR_TOO_LARGE, *publisher._ERR_STORE_FULL} == {
        int(code) for code in re.findall(r"\b10\d{3}\b", PAGES["messages.md"])
    }


def test_the_reasons_are_those_of_the_code():
    known = {p.REASON_EXHAUSTED, p.REASON_REJECTED, p.REASON_INVALID, p.REASON_WORKER_LOST, retry.REASON_EXPIRED}
    assert {row[0].strip("`") for row in table("reading.md", "The dead letter")} == known


def test_the_text_is_of_the_version_that_the_code_speaks():
    assert PAGES["README.md"].startswith(f"# The Trunkline agent protocol, version {version.EDITION}\n")
    assert version.EDITION.split(".")[0] == str(version.PROTOCOL)
    assert f"as version, **{version.PROTOCOL}**" in PAGES["README.md"]


# --- what the code must do, and did not before it was written down ---------------------------------


async def test_a_version_that_the_hub_does_not_speak_is_refused_before_anything_is_declared(hub, name):
    wanted = {"protocol": 2, "readers": [{"lane": "queue", "name": f"{name}.q"}]}
    answer = await hub.admin("PUT", f"agents/{name}", raw=msgspec.json.encode(wanted))
    assert (answer.status, answer.code) == (ProtocolUnsupportedError.status, ProtocolUnsupportedError.code)
    assert "version 2" in answer.json["detail"]
    assert (await hub.admin("GET", f"agents/{name}")).status == 404
    assert (await hub.admin("GET", f"queues/{name}.q")).status == 404


async def test_a_hub_says_which_version_it_speaks(sqlite_hub, name):
    registered = await sqlite_hub.admin("PUT", f"agents/{name}", raw=b'{"protocol":1,"unheard_of":true}')
    assert registered.json["connection"]["protocol"] == version.PROTOCOL
    assert (await sqlite_hub.admin("GET", "connection")).json["protocol"] == version.PROTOCOL


async def test_a_callee_writes_its_answer_nowhere_but_to_a_reply_of_that_skill(sqlite_hub, name):
    """A reply subject is the caller's word: with the callee's rights it could otherwise publish as the callee."""
    called = []
    agent = tl.Agent(name)

    @agent.skill(name)
    async def echo(text: str) -> str:
        called.append(text)
        return text

    owner = await sqlite_hub.token("agents:*", "events:publish", principal=f"owner-{name}")
    caller = await sqlite_hub.token("agents:call", "events:read", principal=f"caller-{name}")
    forged = subjects.event("default", f"owner-{name}", f"forged.{name}")
    async with sqlite_hub.serving(agent, owner), raw_client(sqlite_hub, caller) as raw:
        target = subjects.call("default", f"caller-{name}", name)
        question = ce.encode(ce.new_envelope(type="call", source="/x", data=b'"boo"'))
        await raw.publish(target, question, reply=forged)
        await raw.flush()
        async with sqlite_hub.connected(caller) as client:
            assert await client.call(name, "real", timeout_s=10) == "real"
    assert called == ["real"]
    found = await sqlite_hub.admin("GET", "events", params={"type": f"forged.{name}"})
    assert found.json["items"] == []
