"""`trunkline serve` as its users run it: a process with children that are killed, refused, stopped."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest
import pytest_asyncio
import trunkline as tl
from trunkline_hub.embedded.place import free_port

from support.hub import eventually

STOPS_WITHIN_S = 5.0
NOISE_S = 3.0
"""What a busy machine may add."""


class Serve:
    """One `trunkline serve`."""

    def __init__(self, data: Path, port: int | None = None) -> None:
        self.data = data
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.said = ""
        self.seen: set[psutil.Process] = set()
        self.process: asyncio.subprocess.Process

    async def launch(self) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TRUNKLINE_")}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "trunkline.cli", "serve", "--data", str(self.data), "--port", str(self.port),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment | {"TRUNKLINE_HOME": str(self.data)},
        )  # fmt: skip

    async def until_ready(self) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while "is ready at" not in self.said:
                line = await self.process.stdout.readline()
                assert line, f"ended before it was ready: {self.said}"
                self.said += line.decode()

    async def ended(self) -> int:
        """Wait for its end; its exit code. What it said is in `said`."""
        async with asyncio.timeout(60):
            rest, _ = await self.process.communicate()
        self.said += rest.decode()
        assert self.process.returncode is not None
        return self.process.returncode

    def children(self) -> dict[str, psutil.Process]:
        """Its children by name: `broker` and `hub`."""
        found = {}
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    command = " ".join(child.cmdline())
                    if "nats-server" in command:
                        found["broker"] = child
                    elif command.endswith("-m trunkline_hub"):
                        found["hub"] = child
        self.seen |= set(found.values())
        return found

    @property
    def token(self) -> str:
        return str(json.loads((self.data / "context.json").read_text())["token"])

    async def ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/readyz") as response:
                return response.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    async def surely_end(self) -> None:
        self.children()
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        for child in self.seen:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


@asynccontextmanager
async def launched(data: Path, **options):
    serve = Serve(data, **options)
    await serve.launch()
    try:
        yield serve
    finally:
        await serve.surely_end()


@pytest_asyncio.fixture(loop_scope="session")
async def serve(tmp_path):
    async with launched(tmp_path / "data") as running:
        await running.until_ready()
        yield running


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_it_starts_without_configuration_and_stops_without_a_trace(serve):
    context = serve.data / "context.json"
    assert stat.S_IMODE(context.stat().st_mode) == 0o600
    assert stat.S_IMODE((serve.data / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((serve.data / "nats.conf").stat().st_mode) == 0o600
    assert json.loads(context.read_text())["url"] == serve.url
    assert serve.token not in serve.said
    async with tl.Client(serve.url, serve.token) as client:
        assert (await client.publish("it.works")).seq
    family = serve.children()
    assert set(family) == {"broker", "hub"}
    for child in family.values():
        assert {
            connection.laddr.ip for connection in child.net_connections() if connection.status == psutil.CONN_LISTEN
        } <= {"127.0.0.1"}
    began = asyncio.get_running_loop().time()
    serve.process.send_signal(signal.SIGTERM)
    assert await serve.ended() == 0
    assert asyncio.get_running_loop().time() - began < STOPS_WITHIN_S + NOISE_S
    assert all(gone(child) for child in family.values())


async def test_interrupted_while_somebody_follows_the_log_it_stops_too(serve):
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {serve.token}"}) as session:
        async with session.get(f"{serve.url}/api/v1/w/default/events/tail") as response:
            await anext(aiter(response.content))
            family = serve.children()
            began = asyncio.get_running_loop().time()
            serve.process.send_signal(signal.SIGINT)
            await serve.ended()
            assert asyncio.get_running_loop().time() - began < STOPS_WITHIN_S + NOISE_S
    assert all(gone(child) for child in family.values())


async def test_it_keeps_everything_across_a_restart(tmp_path):
    data = tmp_path / "data"
    async with launched(data) as first:
        await first.until_ready()
        token = first.token
        async with tl.Client(first.url, token) as client:
            ack = await client.publish("kept.over", {"n": 1})
        first.process.send_signal(signal.SIGTERM)
        await first.ended()
    async with launched(data) as second:
        await second.until_ready()
        assert second.token == token
        async with tl.Client(second.url, token) as client:
            (event,) = (await client.events.query(type="kept.over")).items
            assert event.event["id"] == ack.id


async def test_a_taken_port_is_told_with_a_remedy(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        async with launched(tmp_path / "data", port=holder.getsockname()[1]) as serve:
            assert await serve.ended() != 0
    assert "port is in use" in serve.said
    assert "--port" in serve.said
    assert "Traceback" not in serve.said


async def test_a_data_directory_that_cannot_be_written_is_told_with_a_remedy(tmp_path):
    (tmp_path / "file").write_text("in the way")
    async with launched(tmp_path / "file" / "data") as serve:
        assert await serve.ended() != 0
    assert "cannot be written" in serve.said
    assert "--data" in serve.said
    assert "Traceback" not in serve.said


async def test_a_second_one_on_the_same_data_is_refused_and_harms_nothing(serve):
    async with launched(serve.data) as second:
        assert await second.ended() != 0
    assert "Another Trunkline runs on this data directory" in second.said
    assert str(serve.process.pid) in second.said
    assert "--data" in second.said
    assert await serve.ready()
    assert json.loads((serve.data / "context.json").read_text())["url"] == serve.url


async def test_two_on_one_machine_do_not_collide(serve, tmp_path):
    async with launched(tmp_path / "another") as second:
        await second.until_ready()
        async with tl.Client(second.url, second.token) as client:
            assert (await client.publish("x.y")).seq
        async with tl.Client(second.url, serve.token) as client:
            with pytest.raises(tl.TrunklineError) as caught:
                await client.publish("x.y")
        assert caught.value.code == "access.token_invalid"


@pytest.mark.slow
async def test_a_killed_hub_comes_back_and_work_goes_on_without_it(serve):
    """kill -9 of the hub: the broker keeps its process, agents keep working, calls and events flow."""
    done: asyncio.Queue = asyncio.Queue()
    agent = tl.Agent("worker")

    @agent.task("jobs")
    async def work(n: int) -> None:
        done.put_nowait(n)

    @agent.skill()
    async def double(n: int) -> int:
        return 2 * n

    ready, stop = asyncio.Event(), asyncio.Event()
    running = asyncio.ensure_future(agent.serve(serve.url, serve.token, ready=ready, stop=stop))
    async with tl.Client(serve.url, serve.token) as client:
        await asyncio.wait_for(ready.wait(), 20)
        await client.enqueue("jobs", 1)
        assert await asyncio.wait_for(done.get(), 20) == 1
        before = serve.children()
        before["hub"].kill()
        await eventually(lambda: gone(before["hub"]))
        await client.enqueue("jobs", 2)
        assert await asyncio.wait_for(done.get(), 20) == 2
        assert await client.call("double", 21) == 42
        await client.publish("during.outage")
        await eventually(serve.ready, timeout_s=40)
        after = serve.children()
        assert after["broker"].pid == before["broker"].pid
        assert after["hub"].pid != before["hub"].pid

        async def back() -> bool:
            return (await client.agents.get("worker")).state == "healthy"

        await eventually(back)
        await client.enqueue("jobs", 3)
        assert await asyncio.wait_for(done.get(), 20) == 3
        assert len((await client.events.query(type="during.outage")).items) == 1
    stop.set()
    await asyncio.wait_for(running, 20)


@pytest.mark.slow
async def test_a_killed_broker_comes_back_with_everything_that_was_acknowledged(serve):
    async with tl.Client(serve.url, serve.token) as client:
        acked: list[str] = []
        half = asyncio.Event()

        async def load(lane: int) -> None:
            for n in range(100):
                acked.append((await client.publish("load.x", {"lane": lane, "n": n}, key=str(lane))).id)
                if len(acked) == 500:
                    half.set()

        loads = asyncio.gather(*(load(lane) for lane in range(16)))
        await asyncio.wait_for(half.wait(), 30)
        before = serve.children()
        before["broker"].kill()
        await asyncio.wait_for(loads, 60)
        after = serve.children()
        assert after["broker"].pid != before["broker"].pid
        assert after["hub"].pid == before["hub"].pid
        await eventually(serve.ready, timeout_s=40)
        stored: list[str] = []
        cursor = None
        while True:
            page = await client.events.query(type="load.x", limit=500, cursor=cursor)
            stored += [event.event["id"] for event in page.items]
            cursor = page.next
            if cursor is None:
                break
    assert len(acked) == 1600
    assert sorted(stored) == sorted(acked), "each once, none lost"


async def test_children_do_not_outlive_a_killed_launcher(serve):
    family = serve.children()
    assert set(family) == {"broker", "hub"}
    serve.process.kill()
    await serve.process.wait()
    await eventually(lambda: all(gone(child) for child in family.values()), timeout_s=20)


async def test_a_broker_that_cannot_start_is_told_with_its_last_words(tmp_path):
    data = tmp_path / "data"
    serve = Serve(data)
    (data / "jetstream").mkdir(parents=True)
    broken = tmp_path / "nats-server"
    broken.write_text("#!/bin/sh\necho 'no luck today' >&2\nexit 3\n")
    broken.chmod(0o755)
    serve.process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trunkline.cli", "serve", "--data", str(data), "--port", str(serve.port),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={k: v for k, v in os.environ.items() if not k.startswith("TRUNKLINE_")} | {"TRUNKLINE_NATS_BINARY": str(broken)},
    )  # fmt: skip
    try:
        assert await serve.ended() != 0
    finally:
        await serve.surely_end()
    assert "no luck today" in serve.said
    assert "broker did not start" in serve.said
