"""Every example of an adapter, with the real framework and a scripted model, does what it says."""

import asyncio
import sys

import pytest
from support.frameworks import DISTRIBUTIONS, ROOT, python_with, start

EXAMPLES = ROOT / "examples/adapters"
APPROVAL = """May 'buy' be used with {"item":"rye","count":3}? Answer yes, or no and why."""
QUOTE = "quote: Three rye cost 7.5."
WANTED = {
    "functions": [
        QUOTE,
        "order is input-required: Buy three rye: may I?",
        "'yes', so it is completed: The shop says: sold.",
        "'no, too dear', so it is completed: The shop says: no, too dear",
    ],
    "langgraph": [
        QUOTE,
        "order is input-required: May I buy 3 rye?",
        "'yes', so it is completed: The shop says: 3 rye sold.",
        "'no, too dear', so it is completed: The shop says: not bought: no, too dear.",
    ],
    "pydantic-ai": [
        QUOTE,
        f"order is input-required: {APPROVAL}",
        "'yes', so it is completed: The shop says: 3 rye sold.",
        "'no, too dear', so it is completed: The shop says: too dear.",
    ],
    "openai-agents": [
        QUOTE,
        f"order is input-required: {APPROVAL}",
        "'yes', so it is completed: The shop says: 3 rye sold.",
        "'no, too dear', so it is completed: The shop says: too dear.",
    ],
    "agent-framework": [
        QUOTE,
        f"order is input-required: {APPROVAL}",
        "'yes', so it is completed: The shop says: 3 rye sold.",
        "'no, too dear', so it is completed: The shop says: Error: Tool call invocation was rejected by user..",
    ],
    "crewai": [
        QUOTE,
        "order is input-required: I would buy three rye.",
        "'yes', so it is completed: I would buy three rye.",
        "'no, too dear', so it is completed: The shop says: not bought.",
    ],
}


@pytest.mark.parametrize("framework", WANTED)
async def test_an_example_does_what_it_says(sqlite_hub, framework):
    python = sys.executable if framework == "functions" else python_with(framework)
    program = EXAMPLES / f"{framework.replace('-', '_')}_agent.py"
    process = await start(python, program, sqlite_hub)
    async with asyncio.timeout(100):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-3000:]
    lines = out.decode().splitlines()
    assert [line for line in WANTED[framework] if line not in lines] == [], out.decode() + err.decode()[-2000:]


def test_every_framework_has_its_example_its_pins_and_its_extra():
    names = {path.stem for path in (EXAMPLES / "requirements").glob("*.txt")}
    assert names == set(DISTRIBUTIONS) == set(WANTED) - {"functions"}
    extras = (ROOT / "sdk/pyproject.toml").read_text()
    assert [name for name in names if f"\n{name} = [" not in extras] == []
