"""Programs that use an agent framework, run in the environment that has it."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DISTRIBUTIONS = {
    "agent-framework": "agent-framework-core",
    "crewai": "crewai",
    "langgraph": "langgraph",
    "openai-agents": "openai-agents",
    "pydantic-ai": "pydantic-ai-slim",
}


def python_with(framework: str) -> str:
    """Return a Python that has the framework: its own environment's, or this one; skips where neither has it."""
    own = ROOT / f".venv/frameworks/{framework}"
    if (own / ".installed").exists():
        return str(own / "bin/python")
    if any(found.name == DISTRIBUTIONS[framework] for found in distributions()):
        return sys.executable
    reason = f"{framework} is not installed: `make test-adapters` installs it"
    if os.environ.get("TRUNKLINE_TEST_FRAMEWORKS") == "all":
        pytest.fail(reason)
    pytest.skip(reason)


async def start(python, program, hub, *arguments, token=None):
    """Start a program as its user would, against a hub."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TRUNKLINE_", "PYTHON"))}
    return await asyncio.create_subprocess_exec(
        python, str(program), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment | {
            "TRUNKLINE_URL": hub.url, "TRUNKLINE_TOKEN": token or hub.admin_token, "PYTHONPATH": str(ROOT / "sdk/src"),
            "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1",
        },
    )  # fmt: skip


@asynccontextmanager
async def serving(python, program, hub, *arguments):
    """Run an agent program, which prints `ready`, until the block ends."""
    process = await start(python, program, hub, *arguments)
    try:
        async with asyncio.timeout(60):
            while (line := await process.stdout.readline()) and line.strip() != b"ready":
                pass
        assert line, (await process.stderr.read()).decode()[-2000:]
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
