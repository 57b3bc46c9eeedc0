"""The official CloudEvents SDK for JavaScript, installed for the tests that talk to it."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "node"
_INSTALL_S = 90


class Node:
    """Runs commands of `node/exchange.mjs`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    async def __call__(self, **command):
        (answer,) = await self.all([command])
        return answer

    async def all(self, commands: list[dict]) -> list:
        process = await asyncio.create_subprocess_exec(
            "node", "exchange.mjs", cwd=self._folder, env=self._environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(json.dumps(commands).encode()), 60)
        assert process.returncode == 0, err.decode()[-2000:]
        return json.loads(out)


@pytest.fixture(scope="session")
def node(tmp_path_factory) -> Node:
    folder = tmp_path_factory.mktemp("node")
    for file in HERE.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    try:
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=_INSTALL_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot install the JavaScript SDK of CloudEvents: {error}")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install the JavaScript SDK of CloudEvents: {done.stderr[-300:]}")
    return Node(folder, environment)
