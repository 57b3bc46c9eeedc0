"""Who is to blame when a process dies: real processes that die."""

import asyncio
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from trunkline.blackbox import BlackBox, Suspicion

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no file locks as this needs them")

DIES = """
import asyncio, os, sys
from pathlib import Path
from trunkline.blackbox import BlackBox

async def main(folder, *marks):
    box = BlackBox(Path(folder), 4)
    assert box.open()
    begun = 0

    async def handle(_delivery):
        nonlocal begun
        begun += 1
        if begun == len(marks):
            os._exit(9)
        await asyncio.sleep(60)

    await asyncio.gather(*(box.run(mark.encode(), None, handle) for mark in marks))

asyncio.run(main(*sys.argv[1:]))
"""


def die(folder, *marks: str) -> None:
    assert subprocess.run([sys.executable, "-c", DIES, str(folder), *marks], check=False).returncode == 9


@pytest.fixture
def box(tmp_path):
    box = BlackBox(tmp_path, 4)
    assert box.open()
    yield box
    box.close()


async def test_what_was_begun_is_suspected_and_what_was_alone_more_so(tmp_path, box):
    die(tmp_path, "q 1", "q 2")
    die(tmp_path, "q 1")
    box._looked_at = -1.0
    assert box.suspicion(b"q 1") == Suspicion(company=1, alone=1)
    assert box.suspicion(b"q 2") == Suspicion(company=1, alone=0)
    assert box.suspicion(b"q 3") is None
    box.absolve(b"q 1")
    assert box.suspicion(b"q 1") is None


async def test_each_death_is_counted_once_however_many_look(tmp_path, box):
    die(tmp_path, "q 1")
    others = [BlackBox(tmp_path, 1) for _ in range(5)]
    for other in others:
        assert other.open()
        assert other.suspicion(b"q 1") == Suspicion(alone=1)
        other.close()


async def test_an_orderly_end_accuses_nobody_and_leaves_no_file(tmp_path):
    box = BlackBox(tmp_path, 1)
    assert box.open()
    await box.run(b"q 1", None, _nothing)
    box.close()
    assert list(tmp_path.iterdir()) == []


async def test_the_living_are_not_looked_into(tmp_path, box):
    begun, release = asyncio.Event(), asyncio.Event()

    async def handle(_delivery):
        begun.set()
        await release.wait()

    working = asyncio.ensure_future(box.run(b"q 1", SimpleNamespace(), handle))
    await begun.wait()
    other = BlackBox(tmp_path, 1)
    assert other.open()
    assert other.suspicion(b"q 1") is None
    other.close()
    release.set()
    await working


async def test_a_suspect_runs_alone(box):
    """It waits for those at work, and those that come wait for it."""
    order: list[str] = []
    first_begun, release = asyncio.Event(), asyncio.Event()

    async def first(_delivery):
        first_begun.set()
        await release.wait()
        order.append("first")

    async def suspect(_delivery):
        order.append("suspect begins")
        await asyncio.sleep(0.05)
        order.append("suspect ends")

    async def late(_delivery):
        order.append("late")

    tasks = [asyncio.ensure_future(box.run(b"q 1", None, first))]
    await first_begun.wait()
    tasks.append(asyncio.ensure_future(box.run_alone(b"q 2", None, suspect)))
    await asyncio.sleep(0)
    tasks.append(asyncio.ensure_future(box.run(b"q 3", None, late)))
    await asyncio.sleep(0.02)
    assert order == []
    release.set()
    await asyncio.gather(*tasks)
    assert order == ["first", "suspect begins", "suspect ends", "late"]


async def test_a_suspect_does_not_wait_for_ever(box, monkeypatch):
    monkeypatch.setattr("trunkline.blackbox.QUIET_S", 0.05)
    release = asyncio.Event()

    async def long(_delivery):
        await release.wait()

    working = asyncio.ensure_future(box.run(b"q 1", None, long))
    await asyncio.sleep(0)
    await asyncio.wait_for(box.run_alone(b"q 2", None, _nothing), 5)
    release.set()
    await working


async def test_a_place_that_cannot_be_written_switches_it_off(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert not BlackBox(tmp_path / "file", 1).open()


async def test_damaged_notes_harm_nobody(tmp_path, box):
    (tmp_path / "damaged.box").write_bytes(os.urandom(1000))
    (tmp_path / "x.suspect").write_bytes(b"{")
    box._looked_at = -1.0
    assert box.suspicion(b"q 1") is None


async def _nothing(_delivery) -> None: ...
