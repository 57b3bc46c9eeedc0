"""The REST API against its own contract: Schemathesis asks every operation what the OpenAPI document lets it ask.

With credentials, in four phases (examples, coverage of the schemas, fuzzing,
sequences of operations); each operation counts as one. TRUNKLINE_REST_EXAMPLES
says how many requests each operation gets in a phase.
"""

import json
import os
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from conformance.mcp import answers, free_port, output, process
from conformance.outcome import Outcome

PACKAGE = "schemathesis==4.32.5"
_BIN = Path(sys.executable).parent
_OUT = Path(__file__).parent / "out"
_EXAMPLES = os.environ.get("TRUNKLINE_REST_EXAMPLES", "20")
_STREAMS = {
    "GET /api/v1/w/{workspace}/agents/watch", "GET /api/v1/w/{workspace}/events/tail",
    "GET /api/v1/w/{workspace}/events/export", "GET /api/v1/w/{workspace}/overview/live",
    "GET /api/v1/w/{workspace}/tasks/{task_id}/events", "GET /api/v1/w/{workspace}/replays/{job_id}/file",
}  # fmt: skip
_HARMFUL = {
    "DELETE /api/v1/w/{workspace}/tokens/{token_id}": "it would revoke the suite's own token",
    "DELETE /api/v1/session": "it would end the suite's own session",
    "POST /api/v1/session": "its secret is used up by the first request",
}
_CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,unsupported_method,ignored_auth,use_after_free,ensure_resource_availability"
)


async def run() -> list[Outcome]:
    """Run the suite against a hub of its own."""
    async with _hub() as (url, token):
        with tempfile.TemporaryDirectory(prefix="trunkline-conformance-") as folder:
            settings = Path(folder) / "schemathesis.toml"
            settings.write_text(_settings())
            report = Path(folder) / "report.xml"
            code, text = await output(
                str(_BIN / "uvx"), "--quiet", "--from", PACKAGE, "schemathesis", "--config-file", str(settings), "run",
                f"{url}/api/v1/openapi.json", "-H", f"Authorization: Bearer {token}", "--max-examples", _EXAMPLES,
                "--workers", "1", "--generation-deterministic", "--request-timeout", "20", "--checks", _CHECKS,
                "--report", "junit", "--report-junit-path", str(report),
            )  # fmt: skip
            _OUT.mkdir(exist_ok=True)
            (_OUT / "REST contract.log").write_text(text)
            outcome = _read(report) if report.is_file() else Outcome("REST contract")
    outcome.skipped.update(_left_out())
    if code != 0 and not outcome.failed:
        outcome.failed.append(f"the suite ended with {code}: {text[-500:]}")
    return [outcome]


def _left_out() -> dict[str, str]:
    return dict.fromkeys(sorted(_STREAMS), "a stream, which does not end") | _HARMFUL


def _settings() -> str:
    off = [f'[[operations]]\ninclude-name = "{name}"\nenabled = false\n' for name in _left_out()]
    return "\n".join(['[parameters]\nworkspace = "default"\n', *off])


def _read(report: Path) -> Outcome:
    """Return how each operation went, from a report in JUnit's form."""
    outcome = Outcome("REST contract")
    for case in ET.parse(report).getroot().iter("testcase"):
        name = case.get("name", "")
        wrong = [one.get("message", "") or (one.text or "")[:300] for one in case if one.tag in {"failure", "error"}]
        if wrong:
            outcome.failed.append(f"{name}: {wrong[0]}")
        elif case.find("skipped") is None:
            outcome.passed.append(name)
    return outcome


@asynccontextmanager
async def _hub() -> AsyncIterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory(prefix="trunkline-conformance-") as home:
        port, trunkline = free_port(), str(_BIN / "trunkline")
        environment = {"TRUNKLINE_HOME": home}
        async with process(trunkline, "serve", "--port", str(port), environment=environment):
            await answers(f"http://127.0.0.1:{port}/readyz")
            made = ("tokens", "create", "suite", "--scope", "*", "--json")
            _code, text = await output(trunkline, *made, environment=environment)
            yield f"http://127.0.0.1:{port}", json.loads(text)["secret"]
