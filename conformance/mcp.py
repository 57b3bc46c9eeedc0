"""The Model Context Protocol's own suite: the hub in front of a server, and the hub's own client.

A suite of fixture tools lies behind the hub (`fixtures/mcp_server.py`), or, where
TRUNKLINE_MCP_EVERYTHING names the address of one that runs, the reference
implementation's "everything" server.
"""

import asyncio
import os
import re
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from conformance.outcome import Outcome

PACKAGE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
REVISIONS = ("2026-07-28", "2025-11-25")
_HERE = Path(__file__).parent
_OUT = _HERE / "out"
_NODE = _HERE / "node_modules"
_BIN = Path(sys.executable).parent
_EVERYTHING = "TRUNKLINE_MCP_EVERYTHING"
_READY_S = 60
_SUITE_S = 900
_CLIENT_MS = 180_000
_SCENARIO = re.compile(r"^\s*(?P<mark>[✓✗])\s+(?P<name>[^\s:]+)(?P<checks>: \d+ passed, \d+ failed)?")


async def run() -> list[Outcome]:
    """Run the server and the client suites of both eras."""
    await install()
    found: list[Outcome] = []
    async with behind_hub() as url:
        for revision in REVISIONS:
            found.append(await suite(f"MCP server {revision}", "server", "--url", url, "--requirements", revision))
    command = f"{sys.executable} {_HERE / 'fixtures' / 'mcp_client.py'}"
    for revision in REVISIONS:
        options = ("--command", command, "--requirements", revision, "--timeout", str(_CLIENT_MS))
        found.append(await suite(f"MCP client {revision}", "client", *options))
    return found


@asynccontextmanager
async def behind_hub() -> AsyncIterator[str]:
    """Start a hub with a server behind it, and give the address of the mount that passes it through."""
    with tempfile.TemporaryDirectory(prefix="trunkline-conformance-") as home:
        async with _everything() as upstream:
            port = _free_port()
            environment = {
                "TRUNKLINE_HOME": home, "TRUNKLINE_MCP__ANONYMOUS": "true",
                "TRUNKLINE_OUTBOUND__ALLOW": '["127.0.0.1"]',
            }  # fmt: skip
            trunkline = str(_BIN / "trunkline")
            async with _process(trunkline, "serve", "--port", str(port), environment=environment):
                await _answers(f"http://127.0.0.1:{port}/readyz")
                await _command(trunkline, "mcp", "add", "everything", upstream, environment=environment)
                yield f"http://127.0.0.1:{port}/mcp/w/default/upstreams/everything"


async def suite(name: str, *arguments: str) -> Outcome:
    """Run the suite; its exit code has the last word on what it scores."""
    program = str(_NODE / ".bin" / "conformance")
    code, text = await _output(program, *arguments)
    _OUT.mkdir(exist_ok=True)
    (_OUT / f"{name}.log").write_text(text)
    outcome = read_report(name, text)
    if code != 0 and not outcome.failed:
        outcome.failed.append(f"the suite ended with {code}: {text[-500:]}")
    return outcome


def read_report(name: str, text: str) -> Outcome:
    """Return what a report says of the scenarios that count; the others are told as skipped."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    scored, _mark, unscored = plain.partition("Not scored for")
    apart = {m["name"]: m["mark"] for line in unscored.splitlines() if (m := _SCENARIO.match(line))}
    outcome = Outcome(name)
    for line in scored.splitlines():
        match = _SCENARIO.match(line)
        if match is None or match["checks"] is None or match["name"] in apart:
            continue
        (outcome.passed if match["mark"] == "✓" else outcome.failed).append(match["name"])
    for scenario, mark in apart.items():
        outcome.skipped[scenario] = "not scored; passed all the same" if mark == "✓" else "not scored; not passed"
    return outcome


async def install() -> None:
    """Fetch the suite, whose version is pinned; Node comes with the tools of this repository."""
    if (_NODE / ".bin" / "conformance").exists():
        return
    arguments = ("install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", str(_HERE))
    await _command(str(_BIN / "npm"), *arguments, PACKAGE)


@asynccontextmanager
async def _everything() -> AsyncIterator[str]:
    given = os.environ.get(_EVERYTHING)
    if given:
        yield given
        return
    port = _free_port()
    async with _process(sys.executable, str(_HERE / "fixtures" / "mcp_server.py"), str(port)):
        await _answers(f"http://127.0.0.1:{port}/mcp")
        yield f"http://127.0.0.1:{port}/mcp"


@asynccontextmanager
async def _process(*command: str, environment: dict[str, str] | None = None) -> AsyncIterator[None]:
    started = await asyncio.create_subprocess_exec(
        *command, env=_environment(environment), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        if started.returncode is None:
            started.terminate()
        await asyncio.wait_for(started.wait(), _READY_S)


async def _command(*command: str, environment: dict[str, str] | None = None) -> None:
    code, text = await _output(*command, environment=environment)
    if code != 0:
        raise RuntimeError(f"{' '.join(command[:3])} ended with {code}: {text[-1000:]}")


async def _output(*command: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    started = await asyncio.create_subprocess_exec(
        *command, env=_environment(environment), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        out, _err = await asyncio.wait_for(started.communicate(), _SUITE_S)
    finally:
        if started.returncode is None:
            started.kill()
    return started.returncode or 0, out.decode(errors="replace")


def _environment(more: dict[str, str] | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
    return {**kept, "PATH": f"{_BIN}{os.pathsep}{kept.get('PATH', '')}", **(more or {})}


async def _answers(url: str) -> None:
    """Wait until something that is no 5xx comes from `url`."""
    async with asyncio.timeout(_READY_S), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as response:
                    if response.status < 500:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
