"""MCP's own suite against a hub of its own, with our fixtures behind it; `make conformance` runs all of it."""

import pytest
from conformance import mcp
from conformance.mcp import read_report
from conformance.mcp_tasks import judge
from conformance.outcome import Outcome

WANTED = {"2026-07-28": 37, "2025-11-25": 30}

REPORT = """
✓ tools-list: 4 passed, 0 failed
\x1b[31m✗\x1b[0m tools-call: 1 passed, 1 failed
✗ tasks-lifecycle: 0 passed, 3 failed

Total: 5 passed, 4 failed

Not scored for 2026-07-28: 1 scenario(s) run, 1 failing.
  ✗ tasks-lifecycle (extension)
"""


def test_a_report_tells_what_counts_from_what_does_not():
    outcome = read_report("MCP", REPORT)
    assert (outcome.passed, outcome.failed) == (["tools-list"], ["tools-call"])
    assert outcome.skipped == {"tasks-lifecycle": "not scored; not passed"}
    assert outcome.line().startswith("MCP: 1 passed, 1 failed, 1 skipped")


def test_a_scenario_of_tasks_that_checked_nothing_has_not_been_passed():
    outcome = Outcome("MCP tasks")
    judge(outcome, "lifecycle", 0, "Passed: \x1b[32m9/9\x1b[0m, 0 failed, 0 warnings")
    judge(outcome, "status-notifications", 0, "\nPassed: 0/0, 0 failed, 0 warnings")
    judge(outcome, "wire-fields", 0, "SKIPPED: not applicable")
    judge(outcome, "request-headers", 1, "Passed: 4/5, 1 failed, 0 warnings")
    assert outcome.passed == ["lifecycle"]
    assert set(outcome.skipped) == {"status-notifications"}
    assert [failed.split(":")[0] for failed in outcome.failed] == ["wire-fields", "request-headers"]


async def test_the_hub_in_front_of_a_server_passes_as_the_server_does():
    try:
        await mcp.install()
    except RuntimeError as error:
        pytest.skip(f"the suite is not to be had: {error}")
    async with mcp.behind_hub() as url:
        for revision, scenarios in WANTED.items():
            outcome = await mcp.suite(f"MCP server {revision}", "server", "--url", url, "--requirements", revision)
            assert not outcome.failed
            assert len(outcome.passed) == scenarios


@pytest.mark.slow
async def test_the_hubs_client_passes():
    outcomes = [outcome for outcome in await mcp.run() if outcome.suite.startswith("MCP client")]
    assert [(len(outcome.passed), outcome.failed) for outcome in outcomes] == [(32, []), (18, [])]
