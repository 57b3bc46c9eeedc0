"""`trunkline events replay` and `trunkline events export`."""

import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from trunkline.cli.jobs import describe, follow
from trunkline.cli.output import Screen
from trunkline.cli.quantities import size
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol import envelope as ce
from trunkline.protocol.resources import Job, ReplayRequest, Selection

F = TypeVar("F", bound=Callable[..., Any])
_SHOWN_CHARS = 100


def _selecting(command: F) -> F:
    """Add the options that choose a part of the past."""
    for option in (
        click.option("--correlation", "correlation_id", help="Only events of this transaction."),
        click.option("--subject", help="Only events about this."),
        click.option("--until-seq", type=int, help="Up to this place in the log."),
        click.option("--after-seq", type=int, help="Behind this place in the log."),
        click.option("--until", help="Stored before this RFC 3339 time."),
        click.option("--since", help="Stored at this RFC 3339 time or later."),
        click.argument("types", nargs=-1),
    ):
        command = option(command)
    return command


@click.command()
@_selecting
@click.option("--group", help="Send them once more to this group, and to no other.")
@click.option("--new-group", help="Make this group, and send them to it.")
@click.option("--follow", is_flag=True, help="The new group goes on with what happens from now on.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Have the hub write a file; fetch it.")
@click.option("--dry-run", is_flag=True, help="Only count them.")
@click.option("--speed", type=float, help="1 is the original pace, 2 twice as fast.")
@click.option("--rate", "rate_per_s", type=float, help="Most events a second.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the end; see `trunkline jobs`.")
@with_client
async def replay(
    client: Client, screen: Screen, /, types: tuple[str, ...], no_wait: bool, out: Path | None, **given: Any
) -> None:
    """Play past events of TYPES again; without a target they are printed.

    Handlers of a group see `ctx.is_replay`.
    """
    target, group = _target(out=out, dry_run=given.pop("dry_run"), group=given.pop("group"), new=given.pop("new_group"))
    if target is None:
        await _print(client, screen, types, given)
        return
    packed = {"format": "ndjson.zst" if out.suffix == ".zst" else "ndjson"} if out is not None else {}
    wanted = ReplayRequest(types=list(types), target=target, group=group, **given, **packed)  # type: ignore[arg-type]
    job = await client.replays.start(wanted)
    if no_wait:
        describe(screen, job)
        return
    if target == "dry_run":
        _count(screen, await client.jobs.wait(job.id))
        return
    await follow(client, screen, job)
    if out is not None and (await client.jobs.get(job.id)).state == "completed":
        await _save(screen, client.replays.download(job.id), out)


@click.command("export")
@_selecting
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; standard output without.")
@with_client
async def export(client: Client, screen: Screen, /, types: tuple[str, ...], out: Path | None, **selection: Any) -> None:
    """Stream past events of TYPES as lines of JSON, archived ones included."""
    pieces = client.replays.export(Selection(types=list(types), **selection))
    if out is None:
        async for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    else:
        await _save(screen, pieces, out)


def _target(*, out: Path | None, dry_run: bool, group: str | None, new: str | None) -> tuple[str | None, str | None]:
    chosen = {"file": out, "dry_run": dry_run, "group": group, "new_group": new}
    named = [target for target, value in chosen.items() if value]
    if len(named) > 1:
        raise click.UsageError("Give one of --group, --new-group, --out and --dry-run")
    return (named[0] if named else None), group or new


def _count(screen: Screen, job: Job) -> None:
    """Print what a dry run found."""
    if job.state != "completed":
        describe(screen, job)
        return
    found = job.result
    screen.table(job, ("type", "events #"), sorted(found["types"].items()), empty="No events match.")
    if found["first"] is not None and not screen.as_json:
        screen.say(f"{found['events']:,} events in {size(found['size_bytes'])}")
        for name in ("first", "last"):
            screen.say(f"{name}: {found[name]['seq']} of {found[name]['stored_at']}")


async def _print(client: Client, screen: Screen, types: tuple[str, ...], given: dict[str, Any]) -> None:
    speed = given.pop("speed")
    if given.pop("rate_per_s") or given.pop("follow"):
        raise click.UsageError("--rate and --follow need a target")
    await client.connect()
    async for event in client.replay(*types, speed=speed, **given):
        if screen.as_json:
            screen.json({"seq": event.seq, "sender": event.sender, "event": event.message})
        else:
            data = ce.data_bytes(event.message)[:_SHOWN_CHARS].decode(errors="replace")
            message = event.message
            screen.say(f"{event.seq:>8}  {message.time or '—'}  {message.type}  from {event.sender}  {data}")


async def _save(screen: Screen, pieces: AsyncGenerator[bytes, None], out: Path) -> None:
    """Write what comes, under another name until it is whole."""
    draft = out.with_name(out.name + ".part")
    with draft.open("wb") as file:
        written = await _copy(pieces, file)
    draft.replace(out)
    screen.show({"file": str(out), "size_bytes": written}, f"{written:,} bytes written to {out}")


async def _copy(pieces: AsyncGenerator[bytes, None], file: BinaryIO) -> int:
    written = 0
    async for piece in pieces:
        written += file.write(piece)
    return written
