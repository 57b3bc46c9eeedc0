"""`trunkline dead …`."""

from typing import Any

import click
import msgspec

from trunkline.cli import jobs
from trunkline.cli.output import Screen, ago, parse_data
from trunkline.cli.rate import RATE
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.resources import (
    BulkDiscardRequest,
    BulkRedriveRequest,
    DeadLetter,
    DeadLetterDetail,
    EditedPayload,
    LetterFilter,
    LetterWork,
)

_SHORT_CHARS = 60
_COLUMNS = ("id", "reader", "type", "reason", "attempts #", "died", "error")


@click.group()
def dead() -> None:
    """Dead letters: see why messages died, send them again or put them aside."""


def _filters(function: Any) -> Any:
    """Add the options that choose letters."""
    for option in reversed(
        (
            click.option("--reader", help="Only of this queue or event group."),
            click.option("--lane", type=click.Choice(["queue", "group"]), help="Only of queues, or of event groups."),
            click.option("--reason", help="Only with this reason."),
            click.option("--type", "type_", help="Only messages of this type."),
            click.option("--sender", help="Only what this principal sent."),
            click.option("--agent", help="Only what this agent could not process."),
            click.option("--error", help="Only with this text in the error."),
            click.option("--message-id", help="Only of this message."),
            click.option("--correlation-id", help="Only of this correlation."),
            click.option("--since", "died_since", help="Died at this RFC 3339 time or later."),
            click.option("--before", "died_before", help="Died before this RFC 3339 time."),
        )
    ):
        function = option(function)
    return function


def _wanted(options: dict[str, Any]) -> LetterFilter:
    given = {name.rstrip("_"): value for name, value in options.items()}
    return LetterFilter(**given)


@dead.command("list")
@_filters
@click.option("--all", "everything", is_flag=True, help="Those redriven or discarded already, too.")
@click.option("--discarded", is_flag=True, help="Those discarded instead.")
@click.option("--limit", default=50, show_default=True, help="Most to show.")
@with_client
async def list_letters(
    client: Client, screen: Screen, /, everything: bool, discarded: bool, limit: int, **options: Any
) -> None:
    """Search dead letters, newest first."""
    filters = msgspec.to_builtins(_wanted(options))
    state = "discarded" if discarded else None if everything else "waiting"
    page = await client.dead_letters.list(**filters, state=state, limit=limit)
    screen.table(page, _COLUMNS, [_row(item) for item in page.items], empty="No dead letters. Good.")


@dead.command("summary")
@_filters
@with_client
async def summary(client: Client, screen: Screen, /, **options: Any) -> None:
    """Count dead letters by reader, reason and type."""
    found = await client.dead_letters.summary(**msgspec.to_builtins(_wanted(options)))
    facets = (("reader", found.readers), ("reason", found.reasons), ("type", found.types))
    rows = [(kind, facet.value, facet.waiting, facet.total) for kind, values in facets for facet in values]
    screen.table(found, ("by", "value", "waiting #", "total #"), rows, empty="No dead letters. Good.")
    if not screen.as_json:
        screen.say(
            f"{found.waiting:,} waiting, {found.redriven:,} redriven, {found.discarded:,} discarded, {found.expired:,} expired"
        )


@dead.command("show")
@click.argument("letter_id", metavar="ID")
@with_client
async def show_letter(client: Client, screen: Screen, letter_id: str) -> None:
    """Show one dead letter: payload, where it came from, every attempt."""
    detail = await client.dead_letters.get(letter_id)
    if screen.as_json:
        screen.json(detail)
        return
    _describe(screen, detail)
    rows = [
        (
            one.number,
            one.started_at,
            f"{one.duration_ms:g} ms",
            f"{one.agent} {one.version}",
            one.handler,
            one.error.message,
        )
        for one in detail.history
    ]
    columns = ("attempt #", "started", "took", "agent", "handler", "error")
    screen.table(detail, columns, rows, empty="No attempt left a record: the workers died before they could.")


@dead.command("redrive")
@click.argument("letter_id", metavar="[ID]", required=False)
@click.option(
    "--edit", "edited", metavar="DATA", help="New data for the message: JSON, @file, or - for standard input."
)
@click.option("--to", "queue", help="Send to this queue instead.")
@click.option("--all", "in_bulk", is_flag=True, help="Every waiting letter that the filters choose, in a job.")
@_filters
@click.option("--rate", type=RATE, help="Most letters a second, such as 100/s.")
@click.option("--dry-run", is_flag=True, help="Only count, and show some.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_client
async def redrive(
    client: Client,
    screen: Screen,
    /,
    letter_id: str | None,
    edited: str | None,
    queue: str | None,
    in_bulk: bool,
    **options: Any,
) -> None:
    """Send dead letters back to where they came from: one by its ID, or many with --all."""
    rate, dry_run, yes = options.pop("rate"), options.pop("dry_run"), options.pop("yes")
    _check_choice(letter_id, options, in_bulk=in_bulk)
    if letter_id is not None:
        new = EditedPayload(data=parse_data(edited)) if edited is not None else None
        done = await client.dead_letters.redrive(letter_id, edited=new, queue=queue)
        screen.show(done, f"{done.message_id} is on its way again, as number {done.seq} on {done.subject}")
        return
    if edited is not None:
        raise click.UsageError("--edit is for one letter")
    request = BulkRedriveRequest(filter=_wanted(options), queue=queue, rate_per_s=rate, dry_run=True)
    await _in_bulk(client, screen, request, "be redriven", dry_run=dry_run, yes=yes)


@dead.command("discard")
@click.argument("letter_id", metavar="[ID]", required=False)
@click.option("--why", required=True, help="Why nobody needs to look at it any more.")
@click.option("--all", "in_bulk", is_flag=True, help="Every waiting letter that the filters choose, in a job.")
@_filters
@click.option("--dry-run", is_flag=True, help="Only count, and show some.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_client
async def discard(
    client: Client, screen: Screen, /, letter_id: str | None, why: str, in_bulk: bool, **options: Any
) -> None:
    """Put dead letters aside for good: one by its ID, or many with --all."""
    dry_run, yes = options.pop("dry_run"), options.pop("yes")
    _check_choice(letter_id, options, in_bulk=in_bulk)
    if letter_id is not None:
        letter = await client.dead_letters.discard(letter_id, why)
        screen.show(letter, f"{letter.id} is discarded; its record stays")
        return
    request = BulkDiscardRequest(filter=_wanted(options), reason=why, dry_run=True)
    await _in_bulk(client, screen, request, "be discarded", dry_run=dry_run, yes=yes)


def _check_choice(letter_id: str | None, options: dict[str, Any], *, in_bulk: bool) -> None:
    """One letter by its id, or many by filters; never all by accident."""
    if (letter_id is None) != in_bulk:
        raise click.UsageError("Name one letter by its ID, or choose many with --all and filters")
    if letter_id is not None and any(value is not None for value in options.values()):
        raise click.UsageError("Filters go with --all")


async def _in_bulk(
    client: Client,
    screen: Screen,
    request: BulkRedriveRequest | BulkDiscardRequest,
    fate: str,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    verb = "redrive" if isinstance(request, BulkRedriveRequest) else "discard"
    plan = await client.api.post(f"/dead-letters/{verb}", LetterWork, request)
    if screen.as_json and (dry_run or not yes):
        screen.json(plan)
        return
    if not screen.as_json:
        screen.table(plan, _COLUMNS, [_row(item) for item in plan.sample], empty="No such dead letters wait.")
    screen.say(f"{plan.count:,} letters would {fate}")
    if dry_run or not (yes or click.confirm("Go on?", default=False, err=True)):
        return
    request.dry_run, request.expected_at_most, request.up_to = False, plan.count, plan.up_to
    work = await client.api.post(f"/dead-letters/{verb}", LetterWork, request)
    assert work.job is not None
    await jobs.follow(client, screen, work.job)


def _row(item: DeadLetter) -> tuple[object, ...]:
    error = item.error[:_SHORT_CHARS]
    return item.id, item.reader, item.type, item.reason, item.attempts, ago(item.died_at), error


def _describe(screen: Screen, detail: DeadLetterDetail) -> None:
    letter = detail.letter
    payload = detail.payload
    if detail.payload_encoding == "json":
        payload = msgspec.json.format(msgspec.json.encode(payload), indent=2).decode()
    lines = [
        f"{letter.lane} {letter.reader} · {letter.type} from {letter.sender}{'' if letter.sender_verified else ' (not proven)'} · {letter.size_bytes:,} bytes",
        f"reason   {letter.reason}: {letter.error}",
        f"subject  {detail.subject}",
        f"trace    {letter.traceparent or '—'}",
        f"redriven {letter.redriven_at + ' by ' + str(letter.redriven_by) if letter.redriven_at else 'no'}",
        f"discarded {letter.discarded_by + ': ' + str(letter.discard_reason) if letter.discarded_by else 'no'}",
        f"lives    {len(detail.lives)}",
        f"payload  ({detail.payload_encoding}{', cut' if detail.payload_truncated else ''})",
        str(payload),
    ]
    screen.page(letter.id, "\n".join(lines))
