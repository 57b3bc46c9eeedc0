"""The suite's scenarios of the Tasks extension, against the hub's own skills mount with an agent behind it."""

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from conformance import mcp
from conformance.mcp_agent import NAME
from conformance.outcome import Outcome

SCENARIOS = (
    "lifecycle", "capability-negotiation", "wire-fields", "request-state-removal", "mrtr-input", "request-headers",
    "dispatch-and-envelope", "status-notifications", "required-task-error", "mrtr-composition",
)  # fmt: skip
_CHECK = re.compile(r"^Passed: (?P<passed>\d+)/(?P<all>\d+), \d+ failed", re.MULTILINE)
_HERE = Path(__file__).parent


async def run() -> list[Outcome]:
    """Run each scenario."""
    await mcp.install()
    async with behind_hub() as url:
        return [await suite(url)]


async def suite(url: str) -> Outcome:
    """Run the scenarios one by one."""
    outcome = Outcome("MCP tasks")
    for name in SCENARIOS:
        options = ("--url", url, "--scenario", f"tasks-{name}", "--spec-version", "2026-07-28", "--force")
        code, text = await mcp.output(mcp.PROGRAM, "server", *options)
        judge(outcome, name, code, text)
    return outcome


def judge(outcome: Outcome, name: str, code: int, text: str) -> None:
    """Note how a scenario went: one that checked nothing has not been passed."""
    match = _CHECK.search(re.sub(r"\x1b\[[0-9;]*m", "", text))
    if code == 0 and match is not None and match["all"] == "0":
        outcome.skipped[name] = "the suite itself skips it"
    elif code == 0 and match is not None and match["passed"] == match["all"]:
        outcome.passed.append(name)
    else:
        outcome.failed.append(f"{name}: {text[-2000:]}")


@asynccontextmanager
async def behind_hub() -> AsyncIterator[str]:
    """Start a hub with the agent on its bus, and give the agent's mount."""
    with tempfile.TemporaryDirectory(prefix="trunkline-conformance-") as home:
        port = mcp.free_port()
        environment = {"TRUNKLINE_HOME": home, "TRUNKLINE_MCP__ANONYMOUS": "true"}
        trunkline = str(Path(sys.executable).parent / "trunkline")
        async with mcp.process(trunkline, "serve", "--port", str(port), environment=environment):
            await mcp.answers(f"http://127.0.0.1:{port}/readyz")
            token = await _token(Path(home) / "context.json")
            url = f"http://127.0.0.1:{port}"
            agent = [sys.executable, "-m", "conformance.mcp_agent", url, token]
            async with mcp.process(*agent, environment={"PYTHONPATH": os.pathsep.join((str(_HERE.parent), *sys.path))}):
                await _is_there(f"{url}/api/v1/w/default/agents/{NAME}", token)
                yield f"{url}/mcp/w/default/agents/{NAME}"


async def _token(context: Path) -> str:
    """Return the administrator's token as soon as the launcher has written it down."""
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(context.exists):
            await asyncio.sleep(0.1)
    return str(json.loads(await asyncio.to_thread(context.read_text))["token"])


async def _is_there(url: str, token: str) -> None:
    async with asyncio.timeout(60), mcp.session(token) as session:
        while True:
            async with session.get(url) as response:
                if response.status == 200 and (await response.json()).get("instances"):
                    return
            await asyncio.sleep(0.1)
