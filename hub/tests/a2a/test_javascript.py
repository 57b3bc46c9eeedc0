"""The A2A project's JavaScript library, on each binding: what it sees is what the Python one sees."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_asyncio
from conformance.a2a_agent import make

_HERE = Path(__file__).parent / "node"
_INSTALL_S = 90
_INPUT_REQUIRED, _COMPLETED = 6, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The library installed, or the tests skipped."""
    found = tmp_path_factory.mktemp("node")
    for file in _HERE.iterdir():
        if file.is_file():
            shutil.copy(file, found)
    try:
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=found, env=_environment(), capture_output=True, text=True, timeout=_INSTALL_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot install the JavaScript library of A2A: {error}")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install the JavaScript library of A2A: {done.stderr[-300:]}")
    return found


def _environment():
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest_asyncio.fixture(loop_scope="session")
async def address(own_hub):
    hub = await own_hub(a2a={"grpc_port": 0})
    async with hub.serving(make()):
        yield f"{hub.url}/a2a/w/default/agents/tck/", await hub.token("a2a:use", "tasks:run")


async def test_the_scenarios_go_alike_on_each_binding(folder, address):
    url, token = address
    for binding, prefix in (("JSONRPC", "JsonRpc"), ("HTTP+JSON", "Rest"), ("GRPC", "Grpc")):
        process = await asyncio.create_subprocess_exec(
            "node", "scenarios.mjs", url, token, binding, cwd=folder, env=_environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0, err.decode()[-2000:]
        assert json.loads(out) == {
            "message": "Direct message response",
            "stream": ["task", "statusUpdate", "artifactUpdate", "artifactUpdate", "statusUpdate"],
            "asks": _INPUT_REQUIRED,
            "done": [_COMPLETED, True],
            "again": _COMPLETED,
            "cancel": f"{prefix}TaskNotCancelableError",
            "unknown": f"{prefix}TaskNotFoundError",
        }, binding
