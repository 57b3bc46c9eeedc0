"""`SyncClient`: the whole client in threads without an event loop."""

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest
import trunkline as tl
from trunkline.rest import HubApi

PROGRAM = """
import sys, threading, trunkline as tl
url, token, name = sys.argv[1:]
with tl.SyncClient(url, token) as client:
    found, failed = [], []
    def work(n):
        try:
            client.publish(f"{name}.made", {"n": n}, id=f"{name}-{n}")
            found.append(client.call(name, n, result_type=int))
        except BaseException as error:
            failed.append(repr(error))
    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    [t.start() for t in threads]; [t.join() for t in threads]
    print(sorted(found), failed, [a.name for a in client.agents.list(skill=name).items])
"""

INTERRUPTED = """
import sys, trunkline as tl
url, token, name = sys.argv[1:]
client = tl.SyncClient(url, token)
print("calling", flush=True)
try:
    client.call(name, -1, timeout_s=60)
except KeyboardInterrupt:
    client.close()
    print("interrupted", flush=True)
"""

FORKED = """
import os, sys, trunkline as tl
url, token, name = sys.argv[1:]
client = tl.SyncClient(url, token)
assert client.call(name, 1) == 1
child = os.fork()
if child == 0:
    ok = client.call(name, 2) == 2 and client.queues.list() is not None
    client.close()
    os._exit(0 if ok else 1)
_pid, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), client.call(name, 3), flush=True)
client.close()
"""


@pytest.fixture
def serving(sqlite_hub, name):
    agent = tl.Agent(name)
    agent.cancelled = asyncio.Event()

    @agent.skill(name)
    async def double(n: int) -> int:
        if n < 0:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                agent.cancelled.set()
                raise
        return n

    return agent, sqlite_hub.serving(agent)


async def _program(source, *arguments):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-X", "faulthandler", "-c", source, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


async def _ended(process, within_s):
    """Return what it said till its end; where it does not end, say where its threads are."""
    telling = asyncio.ensure_future(process.communicate())
    done, _waiting = await asyncio.wait({telling}, timeout=within_s)
    if not done:
        process.send_signal(signal.SIGABRT)
        pytest.fail(f"it did not end: {(await telling)[1].decode()}")
    return telling.result()


async def test_a_program_of_plain_threads(sqlite_hub, serving, name):
    _agent, running = serving
    async with running:
        process = await _program(PROGRAM, sqlite_hub.url, sqlite_hub.admin_token, name)
        out, err = await _ended(process, 30)
    assert out.decode().split("\n")[0] == f"{list(range(20))} [] ['{name}']", err.decode()
    assert process.returncode == 0


async def test_ctrl_c_ends_the_wait_and_the_callees_work(sqlite_hub, serving, name):
    agent, running = serving
    async with running:
        process = await _program(INTERRUPTED, sqlite_hub.url, sqlite_hub.admin_token, name)
        assert await process.stdout.readline() == b"calling\n"
        await asyncio.sleep(0.7)  # nobody tells when it waits
        process.send_signal(signal.SIGINT)
        out, err = await _ended(process, 15)
        assert out == b"interrupted\n", err.decode()
        await asyncio.wait_for(agent.cancelled.wait(), 10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
async def test_a_forked_child_connects_anew_and_leaves_its_parent_alone(sqlite_hub, serving, name):
    _agent, running = serving
    async with running:
        process = await _program(FORKED, sqlite_hub.url, sqlite_hub.admin_token, name)
        out, err = await _ended(process, 30)
    assert out == b"0 3\n", err.decode()


async def test_everything_else_the_client_does(sqlite_hub, serving, name):
    _agent, running = serving

    def program():
        with tl.SyncClient(sqlite_hub.url, sqlite_hub.admin_token) as client:
            client.connect()
            with client.subscribe(f"{name}.*") as events:
                for n in range(3):
                    client.publish(f"{name}.made", {"n": n})
                heard = [client.payload(next(events).message)["n"] for _ in range(3)]
            replayed = [client.payload(event.message)["n"] for event in client.replay(f"{name}.*")]
            with pytest.raises(tl.QueueUnknownError):
                client.enqueue(f"{name}-nowhere", {})
            with pytest.raises(tl.SkillUnknownError):
                client.call(f"{name}-nothing")
            progress = []
            assert client.call(name, 4, on_progress=progress.append) == 4
            assert client.overview().agents_total >= 1
            assert client.agents.get(name).name == name
            assert client.run(client.asynchronous.agents.get(name)).name == name
            assert [one.skill for one in client.statistics() if one.skill == name] == [name]
            assert set(vars(HubApi(client.asynchronous.api))) - {"api"} <= set(dir(client))
            with pytest.raises(AttributeError):
                client.nonsense  # noqa: B018 -- it is the reading that raises
        with pytest.raises(tl.TrunklineError):
            client.publish("a", {})
        return heard, replayed

    async with running:
        heard, replayed = await asyncio.to_thread(program)
    assert (heard, replayed) == ([0, 1, 2], [0, 1, 2])


async def test_where_a_loop_runs_it_says_so_instead_of_standing_still(sqlite_hub):
    client = tl.SyncClient(sqlite_hub.url, sqlite_hub.admin_token)
    with pytest.raises(tl.TrunklineError, match="event loop") as caught:
        client.queues.list()
    assert caught.value.code == "setup.loop_running"


async def test_what_a_plain_handler_sends_is_linked_to_its_message(sqlite_hub, name):
    sent = threading.Event()
    with_loopless = tl.Agent(name)

    @with_loopless.skill(name)
    def publish(n: int) -> str:
        with tl.SyncClient(sqlite_hub.url, sqlite_hub.admin_token) as client:
            ack = client.publish(f"{name}.sent", {"n": n})
        sent.set()
        return ack.id

    async with sqlite_hub.serving(with_loopless), sqlite_hub.connected() as client:
        event_id = await client.call(name, 1)
        assert sent.is_set()
        events = (await client.events.query(type=f"{name}.*")).items
        assert [(one.event["id"], "causationid" in one.event) for one in events] == [(event_id, True)]
