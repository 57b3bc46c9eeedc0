"""A Trunkline of the test's own: `trunkline serve` as a user starts it, in a directory of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

READY_S = 30.0
STOP_S = 8.0


class System:
    """A running hub and broker, and the command line for it."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")},
            "TRUNKLINE_HOME": str(home),
        }
        self.process = self.spawn("serve", "--port", str(port))

    def spawn(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start `trunkline …` and return its process; its output goes to a file."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / f"{words[0]}.out").open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "trunkline.cli", *words],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if "--json" in words else out,
                stderr=out,
            )

    def cli(self, *words: str) -> Any:
        """Run `trunkline --json …` and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "trunkline.cli", "--json", *words],
            env=self.environment,
            capture_output=True,
            check=True,
            timeout=60,
        )
        return json.loads(done.stdout)

    def overview(self) -> dict[str, Any]:
        token = json.loads((self.home / "context.json").read_text())["token"]
        request = urllib.request.Request(
            f"{self.url}/api/v1/w/default/overview", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=5) as response:
            found: dict[str, Any] = json.load(response)
            return found

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def pid_of(self, word: str) -> int:
        """Return the process of this system whose command line holds `word`."""
        found = [pid for pid, line in descendants(self.process.pid).items() if word in line]
        assert len(found) == 1, f"{word}: {found}"
        return found[0]

    def stop(self) -> None:
        """Stop it as Ctrl-C would, and make sure that nothing is left."""
        family = list(descendants(self.process.pid))
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in family:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def running(home: Path) -> Iterator[System]:
    """Start a system, wait until it is ready, stop it surely."""
    system = System(home, free_port())
    try:
        wait_until(system.is_ready, READY_S, "the hub to be ready")
        yield system
    finally:
        system.stop()


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for `condition`, asking often; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def descendants(root: int) -> dict[int, str]:
    """Return pid → command line of every process below `root`."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    found: dict[int, str] = {}
    edge = {root}
    while edge:
        edge = {pid for pid, parent in parents.items() if parent in edge}
        for pid in edge:
            try:
                found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
    return found
