"""Work that takes far longer than its deadline for acknowledgement is run once, whatever the worker is busy with."""

import asyncio
import sys
import time

import pytest
import trunkline as tl

from support.hub import eventually


def slow(kind: str, runs: list):
    """A handler of several deadlines, in the ways people write them."""
    if kind == "awaits":

        async def work(n: int) -> None:
            runs.append(n)
            await asyncio.sleep(5.2)
    elif kind == "in a thread":

        def work(n: int) -> None:
            runs.append(n)
            time.sleep(5.2)
    else:

        async def work(n: int) -> None:
            runs.append(n)
            time.sleep(3.2)  # what one must not do: nothing else runs in this process meanwhile

    return work


@pytest.mark.parametrize("kind", ["awaits", "in a thread"])
async def test_a_handler_of_several_deadlines_is_run_once(sqlite_hub, name, kind):
    runs: list[int] = []
    agents = [tl.Agent(f"{name}-{n}") for n in range(2)]
    for agent in agents:
        agent.task(name, ack_wait_s=2)(slow(kind, runs))
    async with sqlite_hub.serving(agents[0]), sqlite_hub.serving(agents[1]), sqlite_hub.connected() as client:
        await client.enqueue(name, 1)

        async def empty():
            queue = await client.queues.get(name)
            return queue.depth == queue.in_flight == 0

        await eventually(empty)
        assert (await client.queues.get(name)).redelivered == 0
    assert runs == [1]


BLOCKING = """
import sys, time
import trunkline as tl
agent = tl.Agent(sys.argv[3])

@agent.task(sys.argv[4], ack_wait_s=1)
async def work(n: int, ctx: tl.Context) -> None:
    print("run", n, ctx.attempt, flush=True)
    time.sleep(4)

agent.run(sys.argv[1], sys.argv[2])
"""


async def test_a_handler_that_blocks_the_event_loop_is_run_once(sqlite_hub, name):
    """Two processes; the one that has the message can do nothing else for four deadlines, the other waits for work."""
    lines: list[bytes] = []
    token = await sqlite_hub.token("agents:*", "queues:*", principal=f"p-{name}")
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", BLOCKING, sqlite_hub.url, token, f"{name}-{n}", name,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )
        for n in range(2)
    ]  # fmt: skip

    async def read(process) -> None:
        async for line in process.stdout:
            lines.append(line)

    readers = [asyncio.ensure_future(read(process)) for process in processes]
    try:
        async with sqlite_hub.connected() as client:

            async def both_wait():
                answer = await sqlite_hub.admin("GET", f"queues/{name}")
                return answer.status == 200 and answer.json["workers_waiting"] == 2

            await eventually(both_wait)
            await client.enqueue(name, 1)
            await eventually(lambda: lines)

            async def empty():
                queue = await client.queues.get(name)
                return queue.depth == queue.in_flight == 0

            await eventually(empty)
            assert (await client.queues.get(name)).dead == 0
        await asyncio.sleep(0.3)
        assert lines == [b"run 1 1\n"]
    finally:
        for process in processes:
            process.kill()
            await process.wait()
        await asyncio.gather(*readers)


@pytest.mark.slow
async def test_a_verdict_spoken_while_the_broker_was_away_reaches_it(broker, own_hub, name):
    """Long work ends just while the broker restarts: it is not done again."""
    hub = await own_hub()
    runs: list[int] = []
    begun, release = asyncio.Event(), asyncio.Event()
    agent = tl.Agent(name)

    @agent.task(name, ack_wait_s=1)
    async def work(n: int, ctx: tl.Context) -> None:
        runs.append(n)
        begun.set()
        await release.wait()

    async with hub.serving(agent), hub.connected() as client:
        await client.enqueue(name, 1)
        await asyncio.wait_for(begun.wait(), 10)
        await asyncio.sleep(1.1)
        await broker.kill()
        release.set()
        await asyncio.sleep(1.5)  # longer than the lease: the broker will send it again as soon as it is back
        await broker.start()
        await eventually(hub.is_ready)

        async def empty():
            answer = await hub.admin("GET", f"queues/{name}")
            return answer.status == 200 and answer.json["depth"] == answer.json["in_flight"] == 0

        await eventually(empty)
        await asyncio.sleep(0.5)
    assert runs == [1]


async def test_a_message_that_comes_again_while_it_is_at_work_here_is_not_begun_twice(sqlite_hub, name):
    """Its lease ended (the broker heard nothing in time), the broker sends it again, to the same worker."""
    runs: list[int] = []
    release = asyncio.Event()
    agent = tl.Agent(name)

    @agent.task(name, concurrency=3, ack_wait_s=1)
    async def work(n: int, ctx: tl.Context) -> None:
        runs.append(ctx.attempt)
        await release.wait()

    async with sqlite_hub.connected() as client:
        await client.queues.declare(tl.Queue(name))
        async with sqlite_hub.serving(agent):
            ack = await client.enqueue(name, 1)
            await eventually(lambda: runs)
            bus = sqlite_hub.component("bus").bus
            await bus.client.publish(f"$JS.ACK.TASKS_default.q_{name}.1.{ack.seq}.1.1.0", b"-NAK")

            async def sent_again():
                return (await client.queues.get(name)).redelivered == 1

            await eventually(sent_again)
            await asyncio.sleep(0.2)
            release.set()

            async def empty():
                queue = await client.queues.get(name)
                return queue.depth == queue.in_flight == 0

            await eventually(empty)
    assert runs == [1]
