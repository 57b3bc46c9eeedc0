"""The README's agent works when pasted, and the command line around it says what a newcomer needs."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.history import write_history
from e2e.system import System, descendants, free_port, is_alive, running, wait_until

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("newcomer") / "home") as started:
        yield started


def test_the_readmes_agent_is_found_called_and_remembers(system: System, tmp_path: Path) -> None:
    """Pasted as it stands: called by the command line, follows its own events, is told offline at once when stopped."""
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert code is not None
    assert len(code[1].strip().splitlines()) <= 15
    script, said = tmp_path / "greeter.py", tmp_path / "said"
    script.write_text(code[1])
    with said.open("wb") as out:
        environment = {**system.environment, "PYTHONUNBUFFERED": "1"}
        agent = subprocess.Popen([sys.executable, str(script)], env=environment, stdout=out, stderr=out)
    try:
        wait_until(lambda: _state(system, "greeter") == "healthy", 20, "the greeter to be healthy")
        assert system.cli("call", "greet", '"Ada"') == "Hello, Ada"
        wait_until(lambda: "met Ada" in said.read_text(), 10, "the event to be handled")
        (event,) = system.cli("events", "--type", "person.*")["items"]
        assert event["event"]["data"] == {"name": "Ada"}
        assert event["event"]["causationid"]
    finally:
        agent.terminate()
        assert agent.wait(10) == 0
    assert _state(system, "greeter") == "offline"
    _fails(system, "agent.offline", "call", "greet", '"Eve"', "--timeout", "30")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("skill.unknown", ("call", "no-such-skill", "1")),
        ("queue.unknown", ("queues", "put", "no-such-queue", "1")),
        ("queue.unknown", ("queues", "show", "no-such-queue")),
        ("agent.unknown", ("agents", "show", "nobody")),
        ("dead_letter.unknown", ("dead", "show", "nothing")),
        ("dead_letter.unknown", ("dead", "redrive", "nothing")),
        ("token.unknown", ("tokens", "revoke", "nothing")),
        ("request.invalid", ("tokens", "create", "t", "--scope", "nonsense")),
        ("workspace.unknown", ("--workspace", "elsewhere", "agents", "list")),
    ],
)
def test_a_wrong_command_gets_the_catalogues_error(system: System, code: str, words: tuple[str, ...]) -> None:
    """Exit code 1 and a problem with a remedy; never a traceback."""
    _fails(system, code, *words)


def test_a_misused_command_is_explained(system: System) -> None:
    """Exit code 2 for what is not a command or not JSON."""
    for words in (("no-such-command",), ("publish", "a.b", "{not json")):
        done = _run(system, *words)
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr


def test_without_a_hub_the_command_line_says_how_to_start_one(tmp_path: Path, system: System) -> None:
    """A home without a context, and an address where nobody listens."""
    nowhere = {**system.environment, "TRUNKLINE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "trunkline.cli", "agents", "list"],
        env=nowhere,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert b"trunkline serve" in done.stderr
    closed = {**nowhere, "TRUNKLINE_URL": f"http://127.0.0.1:{free_port()}", "TRUNKLINE_TOKEN": "tl_x_y"}
    done = subprocess.run(
        [sys.executable, "-m", "trunkline.cli", "agents", "list"],
        env=closed,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert b"hub.unreachable" in done.stderr


def test_doctor_finds_a_running_system_well(system: System) -> None:
    """Every check passes, and it says that an acknowledged message survives a power cut."""
    findings = {finding["name"]: finding for finding in system.cli("doctor")}
    assert {f["verdict"] for f in findings.values()} <= {"ok", "warning"}, findings
    assert findings["bus"]["verdict"] == "ok"
    assert "power cut" in findings["durability"]["detail"]


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
@pytest.mark.parametrize("busy", [True, False], ids=["while feeding", "while staying"])
def test_ctrl_c_stops_the_demo_and_leaves_no_process(tmp_path: Path, busy: bool) -> None:
    """Everything it started is gone within five seconds, at whatever moment the signal comes."""
    write_history(tmp_path / "repo", 20_000 if busy else 5)
    home = tmp_path / "home"
    environment = {**os.environ, "TRUNKLINE_HOME": str(home)}
    words = ["demo", "--repo", str(tmp_path / "repo"), "--port", str(free_port())]
    with (tmp_path / "out").open("wb") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "trunkline.cli", *words], env=environment, stdout=out, stderr=out
        )
    moment = "Three agents" if busy else "Ctrl-C stops everything"
    wait_until(lambda: moment in (tmp_path / "out").read_text(), 60, moment)
    family = descendants(demo.pid)
    assert sum("trunkline_hub.demo" in line for line in family.values()) == 3
    demo.send_signal(signal.SIGINT)
    assert demo.wait(5) == 0
    assert not [line for pid, line in family.items() if is_alive(pid)]


def _state(system: System, agent: str) -> str | None:
    return next((a["state"] for a in system.cli("agents", "list")["items"] if a["name"] == agent), None)


def _run(system: System, *words: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "trunkline.cli", *words],
        env=system.environment,
        capture_output=True,
        check=False,
        timeout=30,
    )


def _fails(system: System, code: str, *words: str) -> None:
    done = _run(system, "--json", *words)
    assert done.returncode == 1, done
    problem = json.loads(done.stdout)
    assert problem["code"] == code
    assert problem["remedy"]
    assert b"Traceback" not in done.stderr
