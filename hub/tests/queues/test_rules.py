"""What a rule of the retry policy says of an error is what happens to the message, in queues and groups alike."""

import asyncio

import pytest
import trunkline as tl
from trunkline.protocol.errors import CallTimeoutError

from support.hub import eventually
from support.letters import dead_letters, history

RULES = [
    tl.OnError("ZeroDivisionError", then="drop"),
    tl.OnError(LookupError, then="dead_letter"),
    tl.OnError("call.timeout", max_attempts=4, base_s=0.02, max_s=0.02),
]
RETRY = tl.Retry(max_attempts=2, base_s=0.02, factor=1, rules=RULES)


class Odd(Exception):
    pass


RAISES = {
    "drop": ZeroDivisionError("nothing"),
    "dead": KeyError("gone"),
    "patient": CallTimeoutError("slow"),
    "other": Odd("odd"),
}


@pytest.mark.parametrize("lane", ["queue", "group"])
async def test_each_error_meets_its_rule(hub, name, lane):
    tries: dict[str, list[int]] = {kind: [] for kind in RAISES}
    agent = tl.Agent(name)

    async def work(kind: str, ctx: tl.Context) -> None:
        tries[kind].append(ctx.attempt)
        raise RAISES[kind]

    agent.task(name, retry=RETRY, concurrency=4)(work) if lane == "queue" else agent.on(
        f"{name}.x", group=name, retry=RETRY
    )(work)
    async with hub.serving(agent), hub.connected() as client:
        for kind in RAISES:
            await (client.enqueue(name, kind) if lane == "queue" else client.publish(f"{name}.x", kind))
        letters = await dead_letters(hub, name, count=3)
        found = {letter["error"]: (letter["reason"], letter["attempts"]) for letter in letters}
        assert found == {"'gone'": ("rejected", 1), "slow": ("attempts_exhausted", 4), "odd": ("attempts_exhausted", 2)}
        assert len(letters) == 3
        assert {kind: len(numbers) for kind, numbers in tries.items()} == {
            "drop": 1,
            "dead": 1,
            "patient": 4,
            "other": 2,
        }
        patient = next(letter for letter in letters if letter["error"] == "slow")
        detail = await history(hub, patient["id"], 4)
        assert [attempt["outcome"] for attempt in detail["history"]] == ["retry"] * 3 + ["dead_letter"]


async def test_what_is_dropped_leaves_the_record_of_its_attempt(sqlite_hub, name):
    agent = tl.Agent(name)

    @agent.task(name, retry=RETRY)
    async def work(kind: str) -> None:
        raise RAISES[kind]

    stored: asyncio.Queue = asyncio.Queue()
    bus = sqlite_hub.component("bus").bus
    listener = await bus.subscribe(f"tl.default.attempts.*.queue.{name}", stored.put)
    async with sqlite_hub.serving(agent), sqlite_hub.connected() as client:
        ack = await client.enqueue(name, "drop")
        record = (await asyncio.wait_for(stored.get(), 10)).data

        async def empty():
            queue = await client.queues.get(name)
            return queue.depth == queue.in_flight == 0

        await eventually(empty)
        assert (await client.queues.get(name)).dead == 0
    await bus.unsubscribe(listener)
    assert b'"outcome":"dropped"' in record
    assert b'"final":true' in record
    assert ack.id.encode() in record
    assert b"ZeroDivisionError" in record


async def test_rules_outlive_workers_that_die(sqlite_hub, name):
    """`max_attempts` of the most patient rule is what the broker allows; fewer would bury too soon."""
    async with sqlite_hub.client() as client:
        await client.queues.declare(tl.Queue(name, retry=RETRY))
    info = await sqlite_hub.component("bus").js().consumer_info("TASKS_default", f"q_{name}")
    assert info.config.max_deliver == 4 + 2
