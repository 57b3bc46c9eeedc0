"""`trunkline publish`, `trunkline events …` and `trunkline tail`."""

from typing import Any

import click
import msgspec

from trunkline.cli.later import later_options, told
from trunkline.cli.lazy import LazyGroup
from trunkline.cli.output import Screen, parse_payload
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol import envelope as ce

_SHOWN_CHARS = 100
_COMMANDS = {
    "codegen": "trunkline.cli.types:codegen",
    "reindex": "trunkline.cli.index:rebuild_index",
    "types": "trunkline.cli.types:types",
    "list": "trunkline.cli.events:query",
    "archive": "trunkline.cli.retention:archive",
    "export": "trunkline.cli.replays:export",
    "replay": "trunkline.cli.replays:replay",
    "retention": "trunkline.cli.retention:retention",
    "verify": "trunkline.cli.retention:verify",
}


@click.group(cls=LazyGroup, commands_at=_COMMANDS, default="list")
def events() -> None:
    """The event log; without a command it is read: `trunkline events --type 'order.*'`."""


@click.command()
@click.argument("event_type", metavar="TYPE")
@click.argument("data", required=False)
@click.option("--subject", help="What the event is about.")
@click.option("--key", help="Events with the same key keep their order.")
@click.option("--id", "event_id", help="Publish twice with one id and it is stored once.")
@click.option("--content-type", help="DATA is of this media type and sent as it is; JSON unless given.")
@later_options
@with_client
async def publish(
    client: Client,
    screen: Screen,
    /,
    event_type: str,
    data: str | None,
    content_type: str | None,
    event_id: str | None,
    **options: Any,
) -> None:
    """Publish an event of TYPE with DATA (JSON, @file, or - for standard input), now or later."""
    payload = parse_payload(data, content_type)
    ack = await client.publish(event_type, payload, id=event_id, content_type=content_type, **options)
    if (sentence := told(f"{ack.id} enters the log", delay_s=options["delay_s"], at=options["at"])) is not None:
        screen.show(ack, sentence)
        return
    again = " (it was there already)" if ack.duplicate else ""
    screen.show(ack, f"{ack.id} stored as number {ack.seq} of {ack.stream}{again}")


@click.command()
@click.argument("types", nargs=-1)
@click.option("--since", help="Begin at this RFC 3339 time instead of now.")
@click.option("--count", default=0, help="Stop after this many events.")
@with_client
async def tail(client: Client, screen: Screen, types: tuple[str, ...], since: str | None, count: int) -> None:
    """Follow events of TYPES live (all without any): `trunkline tail 'order.*'`."""
    await client.connect()
    seen = 0
    async with client.subscribe(*types, since=since) as events:
        async for event in events:
            seen += 1
            if screen.as_json:
                screen.json({"seq": event.seq, "sender": event.sender, "event": event.message})
            else:
                screen.say(_line(event.seq, event.sender, event.message))
            if seen == count:
                return


@click.command("list")
@click.option("--type", help="Type or pattern, such as `order.*`.")
@click.option("--subject", help="Only events about this.")
@click.option("--correlation", "correlation_id", help="Only events of this transaction.")
@click.option("--id", help="Only events with this id.")
@click.option("--sender", help="Only events of this principal.")
@click.option("--trace-id", help="Only events of this W3C trace.")
@click.option("--since", help="Only events stored at or after this RFC 3339 time.")
@click.option("--until", help="Only events stored before this RFC 3339 time.")
@click.option("--limit", default=20, show_default=True, help="Most events to show.")
@with_client
async def query(client: Client, screen: Screen, /, since: str | None, limit: int, **filters: str | None) -> None:
    """Read the event log: the newest, or those after --since."""
    page = await client.events.query(since=since, newest=since is None, limit=limit, **filters)
    rows = [
        (item.seq, item.stored_at, item.event.get("type"), item.sender, item.event.get("subject"), _short(item.event))
        for item in page.items
    ]
    columns = ("seq #", "stored", "type", "sender", "subject", "data")
    screen.table(page, columns, rows, empty="No events match.")


def _line(seq: int, sender: str, message: ce.Envelope) -> str:
    data = message.dataref or ce.data_bytes(message)[:_SHOWN_CHARS].decode(errors="replace")
    return f"{seq:>8}  {message.time or '—'}  {message.type}  from {sender}  {data}"


def _short(event: dict[str, Any]) -> str:
    elsewhere = event.get("dataref") or event.get("data_base64")
    return msgspec.json.encode(event.get("data", elsewhere)).decode()[:_SHOWN_CHARS]
