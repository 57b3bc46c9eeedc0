"""`trunkline dead …`."""

import click
import msgspec

from trunkline.cli.output import Screen, ago
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.resources import DeadLetterDetail

_SHORT_CHARS = 60


@click.group()
def dead() -> None:
    """Dead letters: see why messages died, send them again."""


@dead.command("list")
@click.option("--reader", help="Only of this queue or event group.")
@click.option("--reason", help="Only with this reason.")
@click.option("--all", "include_redriven", is_flag=True, help="Those redriven already, too.")
@click.option("--limit", default=50, show_default=True, help="Most to show.")
@with_client
async def list_letters(
    client: Client,
    screen: Screen,
    reader: str | None,
    reason: str | None,
    include_redriven: bool,
    limit: int,
) -> None:
    """List dead letters, newest first."""
    waiting = None if include_redriven else True
    page = await client.dead_letters.list(reader=reader, reason=reason, waiting=waiting, limit=limit)
    rows = [
        (item.id, item.reader, item.type, item.reason, item.attempts, ago(item.died_at), item.error[:_SHORT_CHARS])
        for item in page.items
    ]
    columns = ("id", "reader", "type", "reason", "attempts #", "died", "error")
    screen.table(page, columns, rows, empty="No dead letters. Good.")


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
        (one.number, one.started_at, f"{one.duration_ms:g} ms", f"{one.agent} {one.version}", one.error.message)
        for one in detail.history
    ]
    columns = ("attempt #", "started", "took", "agent", "error")
    screen.table(detail, columns, rows, empty="No attempt left a record: the workers died before they could.")


@dead.command("redrive")
@click.argument("letter_id", metavar="ID")
@with_client
async def redrive(client: Client, screen: Screen, letter_id: str) -> None:
    """Send a dead letter back to where it came from."""
    done = await client.dead_letters.redrive(letter_id)
    screen.show(done, f"{done.message_id} is on its way again, as number {done.seq} on {done.subject}")


def _describe(screen: Screen, detail: DeadLetterDetail) -> None:
    letter = detail.letter
    payload = detail.payload
    if detail.payload_encoding == "json":
        payload = msgspec.json.format(msgspec.json.encode(payload), indent=2).decode()
    lines = [
        f"{letter.lane} {letter.reader} · {letter.type} from {letter.sender} · {letter.size_bytes:,} bytes",
        f"reason   {letter.reason}: {letter.error}",
        f"subject  {detail.subject}",
        f"trace    {letter.traceparent or '—'}",
        f"redriven {letter.redriven_at + ' by ' + str(letter.redriven_by) if letter.redriven_at else 'no'}",
        f"payload  ({detail.payload_encoding}{', cut' if detail.payload_truncated else ''})",
        str(payload),
    ]
    screen.page(letter.id, "\n".join(lines))
