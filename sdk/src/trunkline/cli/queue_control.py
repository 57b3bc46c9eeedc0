"""The part of `trunkline queues …` that operates queues."""

from typing import Any

import click
import msgspec

from trunkline.cli import jobs
from trunkline.cli.output import Screen, ago
from trunkline.cli.rate import RATE
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.resources import (
    MessageFilter,
    MoveRequest,
    PurgeRequest,
    QueuedMessage,
    QueueStatus,
    QueueWork,
)

_COLUMNS = ("seq #", "id", "type", "sender", "key", "state", "failed #", "enqueued", "bytes #")
_UNCOUNTED = 2**53
"""Confirmed as "at least so many": what was there at the dry run, however much it is."""
_reason = click.option("--reason", default="", help="Why; kept in the audit trail.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only count.")


@click.command("pause")
@click.argument("name")
@_reason
@with_client
async def pause(client: Client, screen: Screen, name: str, reason: str) -> None:
    """Hand out nothing from now on; senders go on, workers finish what they have."""
    _tell(screen, name, await client.queues.pause(name, reason=reason))


@click.command("drain")
@click.argument("name")
@_reason
@with_client
async def drain(client: Client, screen: Screen, name: str, reason: str) -> None:
    """Take nothing in from now on; workers finish what is there."""
    _tell(screen, name, await client.queues.drain(name, reason=reason))


@click.command("resume")
@click.argument("name")
@_reason
@with_client
async def resume(client: Client, screen: Screen, name: str, reason: str) -> None:
    """End a pause or a drain."""
    _tell(screen, name, await client.queues.resume(name, reason=reason))


@click.command("peek")
@click.argument("name")
@click.option("--type", "event_type", help="Only messages of this type.")
@click.option("--sender", help="Only what this principal sent.")
@click.option("--key", help="Only messages with this key.")
@click.option("--since", help="Only what was enqueued at this RFC 3339 time or later.")
@click.option("--limit", default=20, show_default=True, help="Most to show.")
@with_client
async def peek(
    client: Client,
    screen: Screen,
    name: str,
    event_type: str | None,
    sender: str | None,
    key: str | None,
    since: str | None,
    limit: int,
) -> None:
    """Look at messages without taking them, oldest first."""
    page = await client.queues.peek(name, type=event_type, sender=sender, key=key, since=since, limit=limit)
    screen.table(page, _COLUMNS, [_row(message) for message in page.items], empty="No such messages wait.")


@click.command("message")
@click.argument("name")
@click.argument("seq", type=int)
@with_client
async def message(client: Client, screen: Screen, name: str, seq: int) -> None:
    """Show one message of a queue, whole."""
    found = await client.queues.message(name, seq)
    if screen.as_json:
        screen.json(found)
        return
    payload = found.payload
    if found.payload_encoding == "json":
        payload = msgspec.json.format(msgspec.json.encode(payload), indent=2).decode()
    lines = [
        f"{found.type} from {found.sender} · {found.size_bytes:,} bytes · enqueued {found.enqueued_at}",
        f"{found.state}, {found.failed_attempts} failed attempts",
        str(payload),
    ]
    screen.page(f"{found.seq} {found.id}", "\n".join(lines))


@click.command("cancel")
@click.argument("name")
@click.argument("seq", type=int)
@_reason
@with_client
async def cancel(client: Client, screen: Screen, name: str, seq: int, reason: str) -> None:
    """Take one waiting message out for good."""
    gone = await client.queues.cancel(name, seq, reason=reason)
    screen.show(gone, f"{gone.id} is out of {name}; its discarded dead letter keeps it")


@click.command("purge")
@click.argument("name")
@click.option("--in-flight", is_flag=True, help="Also what workers have in their hands.")
@click.option("--to-dead-letters", is_flag=True, help="Keep each message as a dead letter.")
@_dry_run
@_yes
@_reason
@with_client
async def purge(
    client: Client,
    screen: Screen,
    name: str,
    in_flight: bool,
    to_dead_letters: bool,
    dry_run: bool,
    yes: bool,
    reason: str,
) -> None:
    """Empty a queue of what it holds now; counts first and asks."""
    request = PurgeRequest(dry_run=True, in_flight=in_flight, to_dead_letters=to_dead_letters, reason=reason)
    plan = await client.queues.purge(name, request)
    fate = "become dead letters" if to_dead_letters else "be gone for good"
    if not _confirmed(screen, plan, f"{_number(plan)} in {name} would {fate}", dry_run=dry_run, yes=yes):
        return
    sure = msgspec.structs.replace(request, dry_run=False, expected_at_most=plan.count, up_to=plan.up_to)
    await _follow(client, screen, await client.queues.purge(name, sure))


@click.command("move")
@click.argument("name")
@click.argument("to")
@click.option("--type", "event_type", help="Only messages of this type.")
@click.option("--sender", help="Only what this principal sent.")
@click.option("--key", help="Only messages with this key.")
@click.option("--older-than", "older_than_s", type=float, help="Only what waits longer than so many seconds.")
@click.option("--rate", type=RATE, help="Most messages a second, such as 100/s.")
@_dry_run
@_yes
@_reason
@with_client
async def move(client: Client, screen: Screen, /, name: str, to: str, dry_run: bool, yes: bool, **options: Any) -> None:
    """Move what waits in NAME to the queue TO; counts first and asks."""
    wanted = MessageFilter(
        type=options["event_type"], sender=options["sender"], key=options["key"],
        older_than_s=options["older_than_s"],
    )  # fmt: skip
    request = MoveRequest(to=to, filter=wanted, rate_per_s=options["rate"], dry_run=True, reason=options["reason"])
    plan = await client.queues.move(name, request)
    sentence = f"{_number(plan)} would move from {name} to {to}"
    if not _confirmed(screen, plan, sentence, dry_run=dry_run, yes=yes):
        return
    expected = plan.count if plan.exact else _UNCOUNTED
    sure = msgspec.structs.replace(request, dry_run=False, expected_at_most=expected, up_to=plan.up_to)
    await _follow(client, screen, await client.queues.move(name, sure))


@click.command("delete")
@click.argument("name")
@click.option(
    "--force", is_flag=True, help="Although it holds messages or has workers; what it holds becomes dead letters."
)
@_yes
@_reason
@with_client
async def delete(client: Client, screen: Screen, name: str, force: bool, yes: bool, reason: str) -> None:
    """Delete a queue."""
    if not yes and not screen.as_json:
        click.confirm(f"Delete the queue {name}?", abort=True, err=True)
    await _follow(client, screen, await client.queues.delete(name, force=force, reason=reason))


@click.command("history")
@click.argument("name")
@with_client
async def history(client: Client, screen: Screen, name: str) -> None:
    """Show what a queue's settings were."""
    page = await client.queues.revisions(name, limit=100)
    rows = [
        (r.number, r.action, r.by, ago(r.at), r.note, msgspec.json.encode(r.body).decode() if r.body else None)
        for r in page.items
    ]
    screen.table(page, ("revision #", "action", "by", "when", "note", "settings"), rows, empty="Nothing is kept of it.")


@click.command("rollback")
@click.argument("name")
@click.argument("revision", type=int)
@click.option("--note", default="", help="Why, for the history.")
@with_client
async def rollback(client: Client, screen: Screen, name: str, revision: int, note: str) -> None:
    """Give a queue the settings of an earlier revision again."""
    queue = await client.queues.rollback(name, revision, note=note)
    screen.show(queue, f"{name} is as it was in revision {revision}")


COMMANDS = (pause, drain, resume, peek, message, cancel, purge, move, delete, history, rollback)


def _tell(screen: Screen, name: str, status: QueueStatus) -> None:
    screen.show(status, f"{name} is {status.state}")


def _row(message: QueuedMessage) -> tuple[object, ...]:
    return (
        message.seq, message.id, message.type, message.sender, message.key, message.state, message.failed_attempts,
        ago(message.enqueued_at), message.size_bytes,
    )  # fmt: skip


def _number(plan: QueueWork) -> str:
    return f"{'' if plan.exact else 'at least '}{plan.count:,} messages"


def _confirmed(screen: Screen, plan: QueueWork, sentence: str, *, dry_run: bool, yes: bool) -> bool:
    """Tell the count and ask; programs say `--yes`."""
    if dry_run or not yes:
        screen.show(plan, sentence)
    else:
        screen.say(sentence)
    return not dry_run and (yes or (not screen.as_json and click.confirm("Go on?", default=False, err=True)))


async def _follow(client: Client, screen: Screen, work: QueueWork) -> None:
    assert work.job is not None
    await jobs.follow(client, screen, work.job)
