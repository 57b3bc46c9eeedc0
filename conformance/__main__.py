"""`python -m conformance`: run every suite, say how each went, write `conformance/out/latest.json`."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from conformance import a2a, mcp, mcp_tasks, rest
from conformance.outcome import Outcome

OUT = Path(__file__).parent / "out" / "latest.json"

Suite = Callable[[], Awaitable[list[Outcome]]]

SUITES: dict[str, Suite] = {"a2a": a2a.run, "mcp": mcp.run, "mcp-tasks": mcp_tasks.run, "rest": rest.run}
"""Each protocol's own; a protocol adds its line."""


async def _run(names: list[str]) -> list[Outcome]:
    found: list[Outcome] = []
    for name in names:
        for outcome in await SUITES[name]():
            print(outcome.line(), flush=True)
            found.append(outcome)
    return found


def main() -> int:
    """Parse the command line and run; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("--only", choices=SUITES, action="append", help="run this one alone; may be repeated")
    arguments = parser.parse_args()
    found = asyncio.run(_run(arguments.only or list(SUITES)))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([outcome.as_json() for outcome in found], indent=2) + "\n")
    return 1 if any(outcome.failed for outcome in found) else 0


if __name__ == "__main__":
    sys.exit(main())
