"""Queues declared over REST, by the SDK, from the command line and from files; changed while they live."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass

import pytest
import trunkline as tl
from trunkline.protocol.errors import (
    HandlerInvalidError,
    QueueDrainingError,
    QueueInUseError,
    QueueUnknownError,
    RequestInvalidError,
)
from trunkline.protocol.frames import ErrorRule, RetryPolicy
from trunkline.protocol.resources import EnqueueRequest, QueueDeclaration

from support.hub import eventually

EVERYTHING = {
    "retry": {"max_attempts": 3, "base_s": 1.5, "rules": [{"errors": ["ValueError", "http.4*"], "then": "drop"}]},
    "ack_wait_s": 12, "max_in_flight": 100, "classes": {"high": 4, "normal": 2}, "concurrency_per_key": 1, "partitions": 4,
    "dedupe_window_s": 3600, "max_messages": 5000, "max_bytes": 10_000_000, "expires_after_s": 86400,
}  # fmt: skip


async def test_every_setting_is_kept_and_told_again(hub, name):
    answer = await hub.admin("PUT", f"queues/{name}", json=EVERYTHING)
    assert answer.status == 200, answer.body
    for path in (f"queues/{name}", f"queues/{name}/declaration"):
        found = (await hub.admin("GET", path)).json
        for setting, value in EVERYTHING.items():
            if setting == "retry":
                assert found["retry"] | value == found["retry"], path
            else:
                assert found[setting] == value, (path, setting)
    again = await hub.admin("PUT", f"queues/{name}", json={"ack_wait_s": 13})
    assert again.json["classes"] == {"high": 4, "normal": 2}
    assert again.json["ack_wait_s"] == 13


@pytest.mark.parametrize(
    ("declaration", "pointer"),
    [({"classes": {"High": 1}}, "/classes"), ({"classes": {"high": 0}}, "/classes"), ({"classes": {f"c{n}": 1 for n in range(9)}}, "/classes"),
     ({"concurrency_per_key": -1}, "/concurrency_per_key"), ({"partitions": 257}, "/partitions"), ({"partitions": -1}, "/partitions"),
     ({"concurrency_per_key": 1, "partitions": 200, "classes": {"a": 1, "b": 1}, "max_in_flight": 1000}, "/partitions"),
     ({"concurrency_per_key": 2, "partitions": 8, "max_in_flight": 15}, "/max_in_flight"), ({"classes": {"a": 1, "b": 1}, "max_in_flight": 2}, "/max_in_flight"),
     ({"dedupe_window_s": -1}, "/dedupe_window_s"), ({"dedupe_window_s": 1e12}, "/dedupe_window_s"), ({"max_messages": -1}, "/max_messages"),
     ({"max_bytes": 2**60}, "/max_bytes"), ({"expires_after_s": -0.5}, "/expires_after_s"),
     ({"retry": {"jitter": 2}}, "/retry/jitter"), ({"retry": {"base_s": -1}}, "/retry/base_s"), ({"retry": {"max_s": 1e9}}, "/retry/max_s"),
     ({"retry": {"rules": [{"errors": [], "then": "drop"}]}}, "/retry/rules/0/errors"),
     ({"retry": {"rules": [{"errors": ["X"], "max_attempts": 0}]}}, "/retry/rules/0/max_attempts")],
)  # fmt: skip
async def test_what_cannot_be_is_pointed_at(sqlite_hub, name, declaration, pointer):
    for path, method in ((f"queues/{name}", "PUT"), (f"queues/{name}/declaration/preview", "POST")):
        answer = await sqlite_hub.admin(method, path, json=declaration)
        assert (answer.status, answer.pointers) == (422, [pointer]), answer.body
    assert (await sqlite_hub.admin("GET", f"queues/{name}")).status == 404


async def test_a_name_too_long_for_more_than_a_plain_queue_is_told(sqlite_hub):
    long = "a" + "." * 80
    assert (await sqlite_hub.admin("PUT", f"queues/{long}", json={})).status == 200
    answer = await sqlite_hub.admin("PUT", f"queues/{long}", json={"classes": {"a-class-of-thirty-characters-xx": 2}})
    assert (answer.status, answer.pointers) == (422, ["/name"])


CHANGES = {
    "order on": ({}, {"concurrency_per_key": 1}),
    "order off": ({"concurrency_per_key": 1}, {"concurrency_per_key": 0}),
    "partitions": ({"concurrency_per_key": 1, "partitions": 4}, {"partitions": 8}),
    "a class less": ({"classes": {"high": 2, "low": 1}}, {"classes": {"high": 2}}),
    "limits on": ({}, {"max_messages": 10}),
    "limits off": ({"max_bytes": 10_000_000}, {"max_bytes": 0}),
}


@pytest.mark.parametrize(("first", "second"), CHANGES.values(), ids=CHANGES)
async def test_a_change_that_needs_an_empty_queue_is_refused_until_it_is(hub, name, first, second):
    done = asyncio.Event()
    async with hub.connected() as client:
        assert (await hub.admin("PUT", f"queues/{name}", json=first)).status == 200
        await client.enqueue(name, 1)
        for method, path in (("POST", f"queues/{name}/declaration/preview"), ("PUT", f"queues/{name}")):
            answer = await hub.admin(method, path, json=second)
            assert (answer.status, answer.code) == (409, "queue.in_use"), answer.body
            assert next(iter(second)) in answer.json["detail"]
        registration = {"readers": [{"lane": "queue", "name": name, "options": second}]}
        answer = await hub.admin("PUT", f"agents/{name}", json=registration)
        assert (answer.status, answer.code) == (409, "queue.in_use")
        agent = tl.Agent(name)

        @agent.task(name)
        async def work(n: int) -> None:
            done.set()

        async with hub.serving(agent):
            await asyncio.wait_for(done.wait(), 10)

            async def empty():
                queue = await client.queues.get(name)
                return queue.depth == queue.in_flight == 0

            await eventually(empty)
            done.clear()
            assert (await hub.admin("PUT", f"queues/{name}", json=second)).status == 200
            await client.enqueue(name, 2)
            await asyncio.wait_for(done.wait(), 20)
            await eventually(empty)


async def test_what_can_change_while_messages_wait_does(hub, name):
    live = {"max_in_flight": 500, "ack_wait_s": 5, "classes": {"high": 3, "low": 1}, "dedupe_window_s": 60, "expires_after_s": 60,
            "retry": {"max_attempts": 9}}  # fmt: skip
    async with hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        await client.enqueue(name, 1)
        assert (await hub.admin("PUT", f"queues/{name}", json=live)).status == 200
        assert (await client.queues.get(name)).depth == 1


async def test_a_running_worker_obeys_a_new_retry_policy(sqlite_hub, name):
    attempts: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent(name)

    @agent.task(name, retry=tl.Retry(max_attempts=50, base_s=0.05, factor=1))
    async def work(n: int, ctx: tl.Context) -> None:
        attempts.put_nowait(ctx.attempt)
        raise ValueError

    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        await client.enqueue(name, 1)
        await asyncio.wait_for(attempts.get(), 10)
        await client.queues.declare(
            tl.Queue(name, retry=tl.Retry(rules=[tl.OnError("ValueError", then="dead_letter")]))
        )

        async def dead():
            return (await client.queues.get(name)).dead == 1

        await eventually(dead)


async def test_an_agent_changes_only_what_it_names(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, max_in_flight=77, expires_after_s=50))
        agent = tl.Agent(name)

        @agent.task(name, classes={"high": 2})
        async def work(n: int) -> None: ...

        async with hub.serving(agent):
            queue = await client.queues.get(name)
    assert (queue.max_in_flight, queue.expires_after_s, queue.classes) == (77, 50, {"normal": 1, "high": 2})


async def test_a_deleted_queue_is_gone_for_senders_and_workers(hub, name):
    async with hub.connected() as client:
        await client.queues.declare(tl.Queue(name, dedupe_window_s=60))
        await client.enqueue(name, 1, dedupe_key="d")
        with pytest.raises(QueueInUseError):
            await client.queues.delete(name)
        await client.queues.delete(name, force=True)

        async def gone():
            try:
                await client.enqueue(name, 2)
            except QueueUnknownError:
                return True
            except QueueDrainingError:
                return False
            return False

        await eventually(gone)
        with pytest.raises(QueueUnknownError):
            await client.queues.get(name)
        await client.queues.declare(tl.Queue(name, dedupe_window_s=60))
        again = await client.queues.enqueue(name, EnqueueRequest(data=1, dedupe_key="d"))
        assert not again.duplicate, "a queue of the same name remembers nothing of the one before"


def test_a_setting_that_does_not_exist_is_told_where_it_is_written():
    with pytest.raises(HandlerInvalidError, match="classe"):
        tl.Queue("q", classe={"high": 1})
    with pytest.raises(HandlerInvalidError, match="partitions"):
        tl.Queue("q", partitions="many")


TOML = """
[queues.{0}-a]
max_in_flight = 50
classes = {{ high = 4 }}
[queues.{0}-a.retry]
max_attempts = 7
[[queues.{0}-a.retry.rules]]
errors = ["ValueError"]
then = "dead_letter"
[queues.{0}-b]
"""


@dataclass
class Run:
    exit_code: int
    stdout: str
    output: str


async def run(hub, *arguments: str) -> Run:
    """Run the command line as a user does, in a process of its own."""
    environment = os.environ | {"TRUNKLINE_URL": hub.url, "TRUNKLINE_TOKEN": hub.admin_token}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trunkline.cli", *arguments, env=environment, stdout=PIPE, stderr=PIPE
    )
    out, err = (part.decode() for part in await process.communicate())
    return Run(process.returncode, out, out + err)


@pytest.mark.parametrize("suffix", ["toml", "json", "yaml"])
async def test_a_file_of_queues_is_shown_as_a_diff_and_applied(sqlite_hub, name, tmp_path, suffix):
    file = tmp_path / f"queues.{suffix}"
    retry = {"max_attempts": 7, "rules": [{"errors": ["ValueError"], "then": "dead_letter"}]}
    as_json = {"queues": {f"{name}-a": {"max_in_flight": 50, "classes": {"high": 4}, "retry": retry}, f"{name}-b": {}}}
    file.write_text(TOML.format(name) if suffix == "toml" else json.dumps(as_json))
    dry = await run(sqlite_hub, "queues", "apply", str(file), "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert f"+ {name}-a" in dry.output
    assert "max_in_flight: 50" in dry.output
    assert (await sqlite_hub.admin("GET", f"queues/{name}-a")).status == 404
    done = await run(sqlite_hub, "queues", "apply", str(file))
    assert done.exit_code == 0, done.output
    found = (await sqlite_hub.admin("GET", f"queues/{name}-a/declaration")).json
    assert (found["max_in_flight"], found["classes"], found["retry"]["max_attempts"]) == (50, {"high": 4}, 7)
    await sqlite_hub.admin("PUT", f"queues/{name}-a", json={"max_in_flight": 60})
    again = await run(sqlite_hub, "--json", "queues", "apply", str(file), "--dry-run")
    shown = json.loads(again.stdout)
    assert [(one["queue"], one["verb"]) for one in shown["queues"]] == [(f"{name}-a", "changed"), (f"{name}-b", "same")]
    assert shown["queues"][0]["differences"] == [{"setting": "max_in_flight", "before": 60, "after": 50}]


@pytest.mark.parametrize(
    ("text", "word"), [("{", "truncated"), ('{"queues":{"q":{"classe":{}}}}', "classe"), ('{"queue":{}}', "queue"),
                       ('{"queues":{"q":{"partitions":"x"}}}', "partitions")],
)  # fmt: skip
async def test_a_file_that_is_wrong_says_where(sqlite_hub, tmp_path, text, word):
    file = tmp_path / "queues.json"
    file.write_text(text)
    done = await run(sqlite_hub, "queues", "apply", str(file))
    assert done.exit_code == 1
    assert word in done.output


async def test_the_command_line_declares_shows_and_fills(sqlite_hub, name):
    options = ["--max-attempts", "4", "--rule", "ValueError,KeyError=drop", "--class", "high=5", "--per-key", "1", "--partitions",
               "2", "--max-messages", "100", "--dedupe-window", "60", "--expires-after", "3600", "--ack-wait", "9", "--max-in-flight", "50"]  # fmt: skip
    done = await run(sqlite_hub, "queues", "declare", name, *options)
    assert done.exit_code == 0, done.output
    found = (await sqlite_hub.admin("GET", f"queues/{name}/declaration")).json
    assert found["retry"]["rules"] == [{"errors": ["ValueError", "KeyError"], "then": "drop"}]
    assert (found["classes"], found["concurrency_per_key"], found["partitions"]) == ({"high": 5}, 1, 2)
    put = await run(
        sqlite_hub, "queues", "put", name, "1", "--priority", "high", "--key", "k", "--dedupe-key", "d", "--wait", "1"
    )
    assert put.exit_code == 0, put.output
    twice = await run(sqlite_hub, "--json", "queues", "put", name, "1", "--dedupe-key", "d")
    assert json.loads(twice.stdout)["duplicate"] is True
    shown = await run(sqlite_hub, "queues", "show", name)
    assert "high/" in shown.output
    assert "dedupe_window_s: 60" in shown.output
    listed = await run(sqlite_hub, "queues", "list")
    assert name in listed.output
    refused = await run(sqlite_hub, "queues", "delete", name, "--yes")
    assert refused.exit_code == 1
    wrong = await run(sqlite_hub, "queues", "declare", name, "--rule", "ValueError=explode")
    assert wrong.exit_code == 2
    kept = await run(sqlite_hub, "queues", "declare", name, "--max-attempts", "6")
    assert kept.exit_code == 0
    found = (await sqlite_hub.admin("GET", f"queues/{name}/declaration")).json
    assert (found["retry"]["max_attempts"], len(found["retry"]["rules"])) == (6, 1), "what is left out stays"


async def test_the_sdk_says_what_the_hub_refuses(sqlite_hub, name):
    async with sqlite_hub.client() as client:
        with pytest.raises(RequestInvalidError) as refused:
            await client.queues.declare(tl.Queue(name, classes={"X": 1}))
        assert [field.pointer for field in refused.value.errors] == ["/classes"]
        rules = RetryPolicy(rules=(ErrorRule(errors=("A",), then="drop"),))
        queue = await client.queues.declare(name, QueueDeclaration(retry=rules))
        assert queue.retry.rules == rules.rules
        preview = await client.queues.preview(name, QueueDeclaration(max_in_flight=5))
        assert (preview.max_in_flight, (await client.queues.get(name)).max_in_flight) == (5, 10_000)
