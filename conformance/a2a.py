"""The A2A project's own kit, against a hub with `a2a_agent.py` behind it, on all three bindings.

The kit is on no registry: A2A_TCK names the folder that its branch `1.0-dev` is
checked out in, A2A_TCK_PYTHON a Python that has what it needs (by default the
one that runs this). Nothing of it is in this repository.
"""

import asyncio
import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from conformance.outcome import Outcome
from trunkline_hub.embedded.place import free_port

_FOLDER, _PYTHON = "A2A_TCK", "A2A_TCK_PYTHON"
_AGENT = "tck"
_READY_S, _SUITE_S = 120, 900
_EXTENSION = "urn:a2a:tck:required-extension"
_LINE = re.compile(
    r"^(?P<how>PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\s+(\[(?P<count>\d+)\] )?(?P<test>tests/\S+)", re.MULTILINE
)
_MINIMAL = {
    "TRUNKLINE_A2A__STREAMING": "false",
    "TRUNKLINE_A2A__PUSH_NOTIFICATIONS": "false",
    "TRUNKLINE_A2A__EXTENDED_CARDS": "false",
}
_DEFECTS = {
    "CORE-SEND-003": "the kit states that ContentTypeNotSupportedError MUST be returned, then demands success",
    "TestRestFormat::test_response_content_type": "the kit wants application/json; 1.0.1 says application/a2a+json",
    "test_version_not_supported_returns_unimplemented": "the kit's status is that of 1.0.0; 1.0.1: FAILED_PRECONDITION",
    "test_unsupported_operation_returns_unimplemented": "the kit's status is that of 1.0.0; 1.0.1: FAILED_PRECONDITION",
    "test_push_not_supported_returns_unimplemented": "the kit's status is that of 1.0.0; 1.0.1: FAILED_PRECONDITION",
    "TestRestStreaming::test_streaming_content_type": "the kit reads a stream's body that it has not read (httpx)",
}
"""Where the kit is wrong, and why; the last three show in the minimal profile alone."""
_ONLY_MINIMAL = frozenset(list(_DEFECTS)[3:])


async def run() -> list[Outcome]:
    """Run the kit in full, against a hub that offers the least, and against one that demands an extension."""
    folder = os.environ.get(_FOLDER)
    if not folder:
        return [Outcome(suite="A2A kit", skipped={"all of it": f"{_FOLDER} does not name the kit's folder"})]
    known = {name: why for name, why in _DEFECTS.items() if name not in _ONLY_MINIMAL}
    demanding = _MINIMAL | {"TRUNKLINE_A2A__REQUIRED_EXTENSIONS": json.dumps([_EXTENSION])}
    return [
        await _suite("A2A kit, full", Path(folder), {}, known),
        await _suite("A2A kit, minimal", Path(folder), _MINIMAL, _DEFECTS),
        await _suite("A2A kit, required extension", Path(folder), demanding, {}, "-k", "missing_required_extension"),
    ]


@asynccontextmanager
async def behind_hub(settings: Mapping[str, str]) -> AsyncIterator[str]:
    """Start a hub with the kit's agent on its bus, and give the agent's A2A address."""
    with tempfile.TemporaryDirectory(prefix="trunkline-conformance-") as home:
        port = free_port()
        environment = {
            **os.environ, "TRUNKLINE_HOME": home, "TRUNKLINE_A2A__ANONYMOUS": '["a2a:use", "tasks:run"]',
            "TRUNKLINE_A2A__GRPC_PORT": "0", "TRUNKLINE_A2A__GRPC_DEFAULT": f"default/{_AGENT}",
            "TRUNKLINE_OUTBOUND__ALLOW": '["localhost", "127.0.0.1"]', **settings,
        }  # fmt: skip
        serve = [sys.executable, "-m", "trunkline.cli", "serve", "--port", str(port)]
        async with _process(serve, environment):
            await _answers(f"http://127.0.0.1:{port}/readyz")
            token = await _token(Path(home) / "context.json")
            agent = [sys.executable, "-m", "conformance.a2a_agent", f"http://127.0.0.1:{port}", token, _AGENT]
            async with _process(agent, environment):
                url = f"http://127.0.0.1:{port}/a2a/w/default/agents/{_AGENT}"
                await _answers(f"{url}/.well-known/agent-card.json")
                yield url


async def _suite(
    name: str, folder: Path, settings: Mapping[str, str], known: Mapping[str, str], *options: str
) -> Outcome:
    """Run the kit once; a failure that is the kit's own is told as skipped, with the reason."""
    python = os.environ.get(_PYTHON, sys.executable)
    async with behind_hub(settings) as url:
        command = [python, "-m", "pytest", "tests/compatibility", f"--sut-host={url}", "-rA", "-q", "--tb=no", *options]
        kit = await asyncio.create_subprocess_exec(
            *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        async with asyncio.timeout(_SUITE_S):
            text, _nothing = await kit.communicate()
    passed: list[str] = []
    failed: list[str] = []
    skipped: dict[str, str] = {}
    for match in _LINE.finditer(text.decode(errors="replace")):
        test = match["test"].removeprefix("tests/compatibility/")
        why = next((why for part, why in known.items() if part in test), None)
        if match["how"] in {"PASSED", "XPASS"}:
            passed.append(test)
        elif match["how"] in {"SKIPPED", "XFAIL"}:
            for _each in range(int(match["count"] or 1)):
                skipped[f"{test} #{len(skipped)}"] = "the kit itself skips it"
        elif why is not None:
            skipped[test] = f"defect of the kit: {why}"
        else:
            failed.append(test)
    if not passed:
        failed.append(f"the kit did not run: {text.decode(errors='replace')[-500:]}")
    return Outcome(suite=name, passed=passed, failed=failed, skipped=skipped)


@asynccontextmanager
async def _process(command: list[str], environment: Mapping[str, str]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *command, env=dict(environment), stdout=asyncio.subprocess.DEVNULL, stderr=None
    )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_READY_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _token(context: Path) -> str:
    """Return the administrator's token as soon as the launcher has written it down."""
    async with asyncio.timeout(_READY_S):
        while not await asyncio.to_thread(context.exists):
            await asyncio.sleep(0.2)
    return str(json.loads(await asyncio.to_thread(context.read_text))["token"])


async def _answers(url: str) -> None:
    """Return when an address answers well."""
    async with asyncio.timeout(_READY_S), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as response:
                    if response.ok:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    sys.stdout.writelines(f"{outcome.line()}\n" for outcome in asyncio.run(run()))
