"""Programs for Node, installed once: the agent in TypeScript, and the official parser of AsyncAPI."""

import asyncio
import os
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
_INSTALL_S = 90
_READY_S = 20


def installed(source: Path, folder: Path) -> Path:
    """Return a copy of `source` with its packages; skips where npm cannot get them."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("node_modules"), dirs_exist_ok=True)
    try:
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=_INSTALL_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot install what {source.name} needs: {error}")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install what {source.name} needs: {done.stderr[-300:]}")
    return folder


@pytest.fixture(scope="session")
def example(tmp_path_factory) -> Path:
    return installed(ROOT / "examples" / "typescript-agent", tmp_path_factory.mktemp("typescript-agent"))


@pytest.fixture(scope="session")
def node(example) -> str:
    """The program itself: what is on the path may be a wrapper, which a signal would end instead."""
    done = subprocess.run(
        ["node", "-p", "process.execPath"], env=ENVIRONMENT, cwd=example, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def parser(tmp_path_factory) -> Path:
    return installed(Path(__file__).parent / "node", tmp_path_factory.mktemp("asyncapi"))


class Program:
    """The running agent, and the lines it has written so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self.news = asyncio.Event()

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip())
            self.news.set()

    async def line(self, beginning: str) -> str:
        """Wait for a line that begins so."""
        async with asyncio.timeout(_READY_S):
            while True:
                found = next((line for line in self.lines if line.startswith(beginning)), None)
                if found is not None:
                    return found
                assert self.process.returncode is None, "\n".join(self.lines)
                self.news.clear()
                await self.news.wait()


@pytest.fixture
def typescript(example, node):
    """Runs the agent in TypeScript: `async with typescript(hub, token, prefix) as program`."""

    @asynccontextmanager
    async def run(hub, token: str, prefix: str):
        process = await asyncio.create_subprocess_exec(
            node, "src/main.ts", cwd=example, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=ENVIRONMENT | {"TRUNKLINE_URL": hub.url, "TRUNKLINE_TOKEN": token, "PREFIX": prefix},
        )  # fmt: skip
        program = Program(process)
        reading = asyncio.get_running_loop().create_task(program.read())
        try:
            await program.line("ready")
            yield program
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reading

    return run
