"""During the demo something is killed with -9: every acknowledged message is handled or dead-lettered, once."""

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.history import write_history
from e2e.system import System, descendants, is_alive, running, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")

COMMITS = 6000
JUNK = 1
UNDER_LOAD = 400
DEMO_S = 90


@pytest.mark.slow
def test_a_killed_hub_leaves_the_broker_and_the_agents_work_running(tmp_path: Path) -> None:
    """The hub comes back by itself; meanwhile the broker keeps its pid and the workers go on."""
    with running(tmp_path / "home") as system:
        broker = system.pid_of("nats-server")

        def kill(_demo: int) -> None:
            written = _rows(system, "release_notes.db", "entries")
            os.kill(system.pid_of("-m trunkline_hub "), signal.SIGKILL)
            wait_until(
                lambda: _rows(system, "release_notes.db", "entries") > written, 10, "work to go on without the hub"
            )

        summary = _demo_with(system, tmp_path, kill)

        assert is_alive(broker)
        assert system.pid_of("nats-server") == broker
        _adds_up(system, summary)


@pytest.mark.slow
def test_a_killed_broker_comes_back_and_nothing_is_lost(tmp_path: Path) -> None:
    """The broker is started again on the same data; publishers and workers pick up where they were."""
    with running(tmp_path / "home") as system:
        hub = system.pid_of("-m trunkline_hub ")

        summary = _demo_with(system, tmp_path, lambda _demo: os.kill(system.pid_of("nats-server"), signal.SIGKILL))

        assert system.pid_of("-m trunkline_hub ") == hub
        _adds_up(system, summary)


def test_a_killed_agent_loses_no_work_and_does_none_twice(tmp_path: Path) -> None:
    """What the dead worker held goes to its successor, under the same ids."""
    with running(tmp_path / "home") as system:

        def kill(demo: int) -> None:
            workers = [pid for pid, line in descendants(demo).items() if "trunkline_hub.demo.release_notes" in line]
            os.kill(workers[0], signal.SIGKILL)

        summary = _demo_with(system, tmp_path, kill)

        _adds_up(system, summary)


def _demo_with(system: System, tmp_path: Path, strike: Callable[[int], None]) -> dict[str, Any]:
    """Run the demo over a history and `strike` while it is under load; its summary."""
    write_history(tmp_path / "repo", COMMITS)
    demo = system.spawn("demo", "--repo", str(tmp_path / "repo"), "--once", "--json")
    try:
        wait_until(lambda: _rows(system, "release_notes.db", "entries") > UNDER_LOAD, 40, "the demo to be under load")
        strike(demo.pid)
        out, _ = demo.communicate(timeout=DEMO_S)
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.wait()
    assert demo.returncode == 0, (system.home / "demo.out").read_text()[-2000:]
    summary: dict[str, Any] = json.loads(out)
    return summary


def _adds_up(system: System, summary: dict[str, Any]) -> None:
    """Check the ledger: fed = written + dead, every event counted, each effect once."""
    total = COMMITS + 6
    assert summary["events"] == summary["tasks"] == total
    assert summary["refused"] == 0
    assert _rows(system, "statistics.db", "commits") == total
    letters = system.cli("dead", "list", "--limit", "500")["items"]
    dead = {letter["message_id"] for letter in letters if letter["reader"] == "release-notes"}
    assert _rows(system, "release_notes.db", "entries") + len(dead) == total
    assert len(dead) >= JUNK
    assert any("binary" in letter["error"] for letter in letters)
    assert all(letter["error"] for letter in letters)
    queue = system.cli("queues", "show", "release-notes")
    assert (queue["depth"], queue["in_flight"]) == (0, 0)


def _rows(system: System, file: str, table: str) -> int:
    """Count the effects of the newest demo run, each written under its message's id."""
    runs = sorted((system.home / "demo").glob("*")) if (system.home / "demo").exists() else []
    store = runs[-1] / file if runs else None
    if store is None or not store.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
            return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.OperationalError:  # the table is being made
        return 0
