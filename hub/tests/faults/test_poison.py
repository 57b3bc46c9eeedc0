"""Messages that end the worker's process itself: they die, their neighbours do not."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from trunkline.protocol.resources import QueueDeclaration

from support.hub import eventually
from support.letters import dead_letters

AGENT = Path(__file__).parent / "poison.py"


@asynccontextmanager
async def fleet(hub, queue: str, out: Path, home: Path, *, processes: int, concurrency: int, work_ms: int):
    environment = {
        **os.environ, "TRUNKLINE_URL": hub.url, "TRUNKLINE_TOKEN": hub.admin_token, "TRUNKLINE_HOME": str(home),
        "POISON_OUT": str(out),
    }  # fmt: skip
    with (home / "fleet.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(AGENT), queue, str(processes), str(concurrency), str(work_ms),
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 15) == 0


def handled(out: Path) -> list[int]:
    return [int(line) for line in out.read_text().split()] if out.exists() else []


@pytest.mark.parametrize(("processes", "concurrency"), [(2, 4), (2, 1)])
@pytest.mark.slow
async def test_poison_dies_and_everything_beside_it_is_handled(sqlite_hub, name, tmp_path, processes, concurrency):
    """Two poisons close together, in the middle of work that is prefetched with them."""
    poison = {20, 23}
    out = tmp_path / "out"
    async with sqlite_hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        for n in range(120):
            await client.enqueue(name, {"n": n, "poison": n in poison})
        async with fleet(sqlite_hub, name, out, tmp_path, processes=processes, concurrency=concurrency, work_ms=5):
            letters = await dead_letters(sqlite_hub, name, count=2)
            await eventually(lambda: len(set(handled(out))) >= 118)
            queue = await client.queues.get(name)
        assert set(handled(out)) == set(range(120)) - poison
        letters = await dead_letters(sqlite_hub, name, count=2)
        assert [letter["reason"] for letter in letters] == ["worker_lost"] * 2
        assert queue.dead == 2


async def test_a_fleet_replaces_who_dies_and_ends_in_order(sqlite_hub, name, tmp_path):
    out = tmp_path / "out"
    async with sqlite_hub.connected() as client:
        await client.queues.declare(name, QueueDeclaration())
        async with fleet(sqlite_hub, name, out, tmp_path, processes=3, concurrency=1, work_ms=1) as process:

            async def up(count):
                page = await client.agents.list(limit=500)
                return [len(agent.instances) for agent in page.items if agent.name == name] == [count]

            await eventually(lambda: up(3))
            (tasks,) = Path(f"/proc/{process.pid}/task").iterdir()
            children = [int(pid) for pid in (tasks / "children").read_text().split()]
            os.kill(children[0], signal.SIGKILL)
            await eventually(lambda: _replaced(tasks, children[0]))
            await client.enqueue(name, {"n": 1})
            await eventually(lambda: handled(out) == [1])
    boxes = list((tmp_path / "workers").rglob("*.box"))
    assert len(boxes) <= 1, "only the killed one's may be left"


def _replaced(tasks: Path, killed: int) -> bool:
    children = [int(pid) for pid in (tasks / "children").read_text().split()]
    return len(children) == 3 and killed not in children
