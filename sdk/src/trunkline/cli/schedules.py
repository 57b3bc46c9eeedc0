"""`trunkline schedules …` and `trunkline scheduled …`."""

import tomllib
from pathlib import Path
from typing import Any

import click
import msgspec

from trunkline.cli.output import Screen, ago, parse_data
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.resources import Schedule, Scheduled, ScheduleDeclaration

_COLUMNS = ("schedule", "cron", "time zone", "sends", "next", "owner")
_WAITING = ("id", "message", "kind", "to", "due", "by", "attempt #", "payload")
_FIRINGS = ("planned", "at", "outcome", "message", "detail")
_SHOWN_FIRINGS = 10
_SHOWN_CHARS = 60


@click.group()
def schedules() -> None:
    """Cron schedules: declare them, see when they fire, pause and run them."""


@schedules.command("list")
@with_client
async def list_schedules(client: Client, screen: Screen) -> None:
    """List schedules with when they fire next."""
    page = await client.schedules.list(limit=500)
    screen.table(page, _COLUMNS, [_row(item) for item in page.items], empty="There are no schedules.")


@schedules.command("show")
@click.argument("name")
@with_client
async def show_schedule(client: Client, screen: Screen, name: str) -> None:
    """Show a schedule: its next firings, and how the last ones went."""
    schedule = await client.schedules.get(name)
    page = await client.schedules.firings(name, limit=_SHOWN_FIRINGS)
    if screen.as_json:
        screen.json({"schedule": schedule, "firings": page.items})
        return
    screen.table(schedule, _COLUMNS, [_row(schedule)], empty="")
    screen.page("next", "\n".join(schedule.next_at) or "paused")
    rows = [(one.planned_at, one.at, one.outcome, one.message_id, one.detail) for one in page.items]
    screen.table(page, _FIRINGS, rows, empty="It has not fired yet.")


@schedules.command("declare")
@click.argument("name")
@click.argument("cron")
@click.argument("data", required=False)
@click.option("--tz", "timezone", default="UTC", show_default=True, help="IANA time zone, such as Europe/Berlin.")
@click.option("--queue", help="Queue that gets a message at each firing.")
@click.option("--event", help="Type of the event to publish at each firing.")
@click.option("--misfire", type=click.Choice(["skip", "once"]), default="skip", show_default=True,
              help="Firings that nobody was there for: leave them out, or make up for them by one.")  # fmt: skip
@click.option("--jitter", "jitter_s", type=float, default=0.0, help="Put each firing off by up to this many seconds.")
@click.option("--key", help="Messages with the same key keep their order.")
@click.option("--priority", help="Class of the queue.")
@click.option("--description", default="", help="What it is for.")
@with_client
async def declare_schedule(
    client: Client, screen: Screen, /, name: str, cron: str, data: str | None, **options: Any
) -> None:
    """Create the schedule NAME or change it: `trunkline schedules declare report '0 6 * * 1-5' --queue reports`."""
    wanted = ScheduleDeclaration(cron=cron, data=parse_data(data), **options)
    schedule = await client.schedules.declare(name, wanted)
    screen.table(schedule, _COLUMNS, [_row(schedule)], empty="")


@schedules.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_client
async def apply_schedules(client: Client, screen: Screen, file: Path) -> None:
    """Declare every schedule in FILE: TOML or JSON, `{name: {cron = …, queue = …}}` under `schedules`."""
    declared = [await client.schedules.declare(name, wanted) for name, wanted in _read(file).items()]
    screen.table(declared, _COLUMNS, [_row(item) for item in declared], empty="The file names no schedules.")


@schedules.command("pause")
@click.argument("name")
@with_client
async def pause_schedule(client: Client, screen: Screen, name: str) -> None:
    """Let a schedule fire no more until it is resumed."""
    screen.show(await client.schedules.pause(name), f"{name} is paused")


@schedules.command("resume")
@click.argument("name")
@with_client
async def resume_schedule(client: Client, screen: Screen, name: str) -> None:
    """Let a schedule fire again, from now on."""
    schedule = await client.schedules.resume(name)
    screen.show(schedule, f"{name} fires next at {schedule.next_at[0]}")


@schedules.command("run")
@click.argument("name")
@with_client
async def run_schedule(client: Client, screen: Screen, name: str) -> None:
    """Fire a schedule now, beside its plan."""
    firing = await client.schedules.run(name)
    screen.show(firing, f"{name} fired: message {firing.message_id}")


@schedules.command("remove")
@click.argument("name")
@with_client
async def remove_schedule(client: Client, screen: Screen, name: str) -> None:
    """Remove a schedule; what it sent stays."""
    await client.schedules.remove(name)
    screen.show({"removed": name}, f"{name} is removed")


@click.group()
def scheduled() -> None:
    """Messages that wait for their time: see, cancel or hasten them."""


@scheduled.command("list")
@click.option("--queue", help="Only what goes to this queue.")
@click.option("--limit", default=50, show_default=True, help="Most messages to show.")
@with_client
async def list_scheduled(client: Client, screen: Screen, queue: str | None, limit: int) -> None:
    """List what waits, in the order in which it was sent."""
    page = await client.scheduled.list(queue=queue, limit=limit)
    screen.table(page, _WAITING, [_waiting(item) for item in page.items], empty="Nothing waits for its time.")
    if page.next is not None:
        screen.say(f"more than {limit} wait; see --limit")


@scheduled.command("show")
@click.argument("message_id")
@with_client
async def show_scheduled(client: Client, screen: Screen, message_id: str) -> None:
    """Show one message that waits, with its payload."""
    detail = await client.scheduled.get(message_id)
    screen.table(detail, _WAITING, [_waiting(detail.item)], empty="")
    if not screen.as_json:
        screen.page("payload", msgspec.json.format(msgspec.json.encode(detail.payload), indent=2).decode())


@scheduled.command("cancel")
@click.argument("message_id")
@with_client
async def cancel_scheduled(client: Client, screen: Screen, message_id: str) -> None:
    """Take a message back before its time; it is gone for good."""
    await client.scheduled.cancel(message_id)
    screen.show({"cancelled": message_id}, f"{message_id} is cancelled")


@scheduled.command("run")
@click.argument("message_id")
@with_client
async def run_scheduled(client: Client, screen: Screen, message_id: str) -> None:
    """Let a message go out now."""
    item = await client.scheduled.run(message_id)
    screen.show(item, f"{message_id} is on its way to {item.target}")


def _read(file: Path) -> dict[str, ScheduleDeclaration]:
    try:
        text = file.read_text()
        found = msgspec.json.decode(text) if file.suffix == ".json" else tomllib.loads(text)
        return msgspec.convert(found.get("schedules", {}), dict[str, ScheduleDeclaration])
    except (tomllib.TOMLDecodeError, msgspec.DecodeError, UnicodeDecodeError, AttributeError) as error:
        raise click.BadParameter(f"{file}: {error}") from None


def _row(item: Schedule) -> tuple[object, ...]:
    wanted = item.declaration
    sends = f"event {wanted.event}" if wanted.queue is None else f"to {wanted.queue}"
    following = "paused" if item.paused else f"{item.next_at[0]} ({ago(item.next_at[0])})"
    return (item.name, wanted.cron, wanted.timezone, sends, following, item.owner)


def _waiting(item: Scheduled) -> tuple[object, ...]:
    due = f"{item.due_at} ({ago(item.due_at)})"
    shown = item.preview[:_SHOWN_CHARS]
    return (item.id, item.message_id, item.kind, item.target, due, item.by, item.attempt, shown)
