"""`trunkline chaos` as a user runs it: nothing acknowledged is lost, no effect is doubled, nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.system import descendants, is_alive, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="freezes processes and finds them in /proc")


def _chaos(folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
    (folder / "chaos").mkdir()
    environment |= {"TRUNKLINE_HOME": str(folder / "untouched"), "TMPDIR": str(folder / "chaos")}
    return subprocess.Popen(
        [sys.executable, "-m", "trunkline.cli", "chaos", "--json", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=(folder / "chaos.err").open("wb"),
    )


def _adds_up(tmp_path: Path, timeout_s: float, *words: str) -> dict:
    storm = _chaos(tmp_path, *words)
    try:
        out, _ = storm.communicate(timeout=timeout_s)
    finally:
        if storm.poll() is None:
            storm.terminate()
            storm.wait(30)
    assert out, (tmp_path / "chaos.err").read_text()[-2000:]
    report: dict = json.loads(out)
    assert (report["lost"], report["doubled"], storm.returncode) == (0, 0, 0), report
    assert report["acknowledged"] == report["handled"] + report["dead"]
    assert report["acknowledged"] + report["unacknowledged"] >= report["acknowledged"] > 0
    assert sum(report["dead_by_reason"].values()) == report["dead"]
    assert sum(report["faults_by_kind"].values()) == report["faults"] == report["rounds"]
    assert list((tmp_path / "chaos").iterdir()) == [], "its directory is gone"
    assert not (tmp_path / "untouched" / "context.json").exists(), "the user's own Trunkline is not touched"
    return report


def test_a_short_storm_on_one_node(tmp_path: Path) -> None:
    report = _adds_up(tmp_path, 300, "--minutes", "0.2", "--rounds", "5", "--messages", "2000", "--seed", "1")
    assert report["nodes"] == 1
    assert report["redelivered"] > 0


def test_ctrl_c_ends_a_storm_and_leaves_nothing_behind(tmp_path: Path) -> None:
    storm = _chaos(tmp_path, "--minutes", "5")
    wait_until(lambda: sum("chaos.worker" in line for line in descendants(storm.pid).values()) == 3, 60, "the workers")
    family = descendants(storm.pid)
    storm.send_signal(signal.SIGINT)
    assert storm.wait(30) == 130
    assert not [line for pid, line in family.items() if is_alive(pid)]
    assert list((tmp_path / "chaos").iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_short_storm_on_three_nodes(tmp_path: Path) -> None:
    report = _adds_up(
        tmp_path, 280, "--nodes", "3", "--minutes", "0.5", "--rounds", "9", "--messages", "3000", "--seed", "2"
    )
    assert report["nodes"] == 3


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("nodes", ["1", "3"])
def test_the_long_storm(tmp_path: Path, nodes: str) -> None:
    """20 rounds, 50,000 messages: every kind of fault at least once."""
    report = _adds_up(
        tmp_path, 880, "--nodes", nodes, "--minutes", "2", "--rounds", "20", "--messages", "50000", "--seed", "20"
    )
    assert report["acknowledged"] == 50_000
    assert len(report["faults_by_kind"]) >= 6
