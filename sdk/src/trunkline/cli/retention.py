"""`trunkline events retention …`, `archive` and `verify`."""

import click
import msgspec

from trunkline.cli.jobs import follow
from trunkline.cli.lazy import LazyGroup
from trunkline.cli.output import Screen
from trunkline.cli.quantities import DURATION, SIZE, duration, size
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.errors import JobFailedError, LogDamagedError
from trunkline.protocol.resources import Finding, Retention, Verification

_HERE = "trunkline.cli.retention"
_COMMANDS = {
    "show": f"{_HERE}:show", "set": f"{_HERE}:set_limits", "keep": f"{_HERE}:keep", "drop": f"{_HERE}:drop",
}  # fmt: skip
_KEEPS = ("kept", "types", "for", "up to", "events #", "size", "from #", "to #", "behind #")
_SEGMENTS = ("from #", "to #", "events #", "size", "stored from", "to", "file")
_FINDINGS = ("what", "where", "from #", "to #", "why")


@click.group(cls=LazyGroup, commands_at=_COMMANDS, default="show")
def retention() -> None:
    """How long the event log lasts, and which types are kept longer."""


@click.command("show")
@with_client
async def show(client: Client, screen: Screen) -> None:
    """Show the log's limits, what it holds, and what is kept longer."""
    _describe(screen, await client.retention.show())


@click.command("set")
@click.option("--max-age", type=DURATION, help="Age at which events leave, such as 30d.")
@click.option("--max-bytes", type=SIZE, help="Size of the log, such as 8GB; the oldest leave first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_client
async def set_limits(client: Client, screen: Screen, max_age: float | None, max_bytes: float | None, yes: bool) -> None:
    """Give this workspace's log limits of its own; what is left out is as the hub's settings say."""
    if not yes:
        click.confirm("What lies outside of the new limits leaves the log at once. Go on?", abort=True)
    limit = None if max_bytes is None else int(max_bytes)
    _describe(screen, await client.retention.set(max_age_s=max_age, max_bytes=limit))


@click.command("keep")
@click.argument("name")
@click.argument("types", nargs=-1, required=True)
@click.option("--max-age", type=DURATION, required=True, help="Age at which they go, such as 1y.")
@click.option("--max-bytes", type=SIZE, default="1GB", show_default=True, help="Most to keep; the oldest go first.")
@with_client
async def keep(
    client: Client, screen: Screen, name: str, types: tuple[str, ...], max_age: float, max_bytes: float
) -> None:
    """Keep events of TYPES longer than the log, under NAME."""
    _describe(screen, await client.retention.keep(name, *types, max_age_s=max_age, max_bytes=int(max_bytes)))


@click.command("drop")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_client
async def drop(client: Client, screen: Screen, name: str, yes: bool) -> None:
    """Keep what is declared under NAME no longer than the rest."""
    found = next((one for one in (await client.retention.show()).keeps if one.name == name), None)
    if found is not None and not yes:
        click.confirm(f"{found.messages:,} events are kept there; those that left the log are lost. Go on?", abort=True)
    await client.retention.drop(name)
    screen.show({"dropped": name}, f"{name} is not kept any longer")


@click.command("archive")
@click.option("--limit", default=10, show_default=True, help="Most files to show.")
@with_client
async def archive(client: Client, screen: Screen, limit: int) -> None:
    """Show what was written to files before it leaves the log, and how far that is behind."""
    state = await client.retention.archive()
    page = await client.retention.segments(limit=limit)
    rows = [
        (one.first_seq, one.last_seq, one.messages, size(one.size_bytes), one.first_stored_at, one.last_stored_at, one.file)
        for one in page.items
    ]  # fmt: skip
    screen.table({"archive": state, "segments": page}, _SEGMENTS, rows, empty="Nothing is archived.")
    if not screen.as_json:
        if not state.enabled:
            screen.say("The archive is off: set `archive.directory`.")
        screen.say(f"{state.events:,} archived, {state.lag_events:,} behind, {state.missed_events:,} missed")
        if state.warning:
            screen.say(f"warning: {state.warning}")


@click.command("verify")
@with_client
async def verify(client: Client, screen: Screen) -> None:
    """Have the hub read the whole log, what is kept and the archive; fails when something is lost or changed."""
    job = await client.retention.verify()
    if not screen.as_json:
        await follow(client, screen, job)
    job = await client.jobs.wait(job.id)
    if job.state != "completed":
        raise JobFailedError(f"{job.title}: {job.error or job.state}")
    found = msgspec.convert(job.result, Verification)
    screen.table(found, _FINDINGS, [_row(finding) for finding in found.findings], empty="")
    read = ", ".join(f"{count:,} in {place}" for place, count in found.checked.items()) or "nothing"
    screen.say(f"{found.verdict}: {read} read")
    if found.verdict == "intact":
        return
    if screen.as_json:
        raise SystemExit(1)  # the findings are the one document
    raise LogDamagedError(", ".join(f"{kind}: {count:,}" for kind, count in found.counts.items()))


def _describe(screen: Screen, found: Retention) -> None:
    rows = [
        (
            one.name if one.made else f"{one.name} (refused)", " ".join(one.types), duration(one.max_age_s), size(one.max_bytes), one.messages,
            size(one.size_bytes), one.first_seq, one.last_seq, one.lag,
        )
        for one in found.keeps
    ]  # fmt: skip
    if not screen.as_json:
        whose = "as the settings say" if found.is_default else "set for this workspace"
        screen.say(f"The log keeps events {duration(found.max_age_s)}, up to {size(found.max_bytes)}, {whose}.")
        since = f", the oldest of {found.first_stored_at}" if found.first_stored_at else ""
        screen.say(f"It holds {found.messages:,} in {size(found.size_bytes)}{since}.")
    screen.table(found, _KEEPS, rows, empty="No types are kept longer.")


def _row(finding: Finding) -> tuple[object, ...]:
    what = finding.kind if finding.is_damage else f"{finding.kind} (notice)"
    return what, finding.place, finding.first_seq, finding.last_seq, finding.detail
