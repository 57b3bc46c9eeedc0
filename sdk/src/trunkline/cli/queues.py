"""`trunkline queues …`."""

import math
from typing import Any, cast

import click
import msgspec

from trunkline.cli.later import later_options, told
from trunkline.cli.output import Screen, parse_payload
from trunkline.cli.queue_control import COMMANDS
from trunkline.cli.queue_files import Change, read_file
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.enqueuing import EnqueueOptions
from trunkline.protocol.errors import QueueUnknownError
from trunkline.protocol.frames import ErrorRule, RetryPolicy
from trunkline.protocol.resources import Queue, QueueDeclaration

_COLUMNS = (
    "queue", "state", "depth", "in flight", "oldest", "in /s #", "out /s #", "workers #", "dead #", "attempts #", "kind",
)  # fmt: skip
_PAGE = 500


@click.group()
def queues() -> None:
    """See, declare and operate queues, put work into them."""


@queues.command("list")
@click.option("--limit", type=int, default=_PAGE, show_default=True, help="Most queues to list.")
@with_client
async def list_queues(client: Client, screen: Screen, limit: int) -> None:
    """List queues with what is in them."""
    page = await client.queues.list(limit=min(limit, _PAGE))
    while page.next is not None and len(page.items) < limit:
        more = await client.queues.list(limit=min(limit - len(page.items), _PAGE), cursor=page.next)
        page.items += more.items
        page.next = more.next
    rows = [_row(queue) for queue in page.items]
    screen.table(page, _COLUMNS, rows, empty="There are no queues. Agents declare those they read.")
    if page.next is not None:
        screen.say(f"There are more; ask with --limit {limit * 2}")


@queues.command("show")
@click.argument("name")
@with_client
async def show_queue(client: Client, screen: Screen, name: str) -> None:
    """Show one queue, its settings and, where it has any, its classes and partitions."""
    queue = await client.queues.get(name)
    screen.table(queue, _COLUMNS, [_row(queue)], empty="")
    if screen.as_json:
        return
    settings = msgspec.to_builtins(await client.queues.declaration(name))
    lines = [f"{setting}: {_brief(value)}" for setting, value in sorted(settings.items())]
    if queue.trend:
        lines.append(f"depth over the last {queue.trend_s * len(queue.trend):.0f} s: {_spark(queue.trend)}")
    lines += [
        f"{lane.priority}{'' if lane.partition is None else f'/{lane.partition}'}: {lane.depth} waiting, {lane.in_flight} in flight"
        for lane in queue.lanes
        if lane.depth or lane.in_flight
    ]
    screen.page("", "\n".join(lines))


@queues.command("declare")
@click.argument("name")
@click.option("--max-attempts", type=int, help="Attempts in all before a message is dead-lettered.")
@click.option(
    "--rule", "rules", multiple=True, help="ERROR[,ERROR…]=retry|dead_letter|drop; first match wins. Repeat it."
)
@click.option("--ack-wait", "ack_wait_s", type=float, help="Seconds until a dead worker's message goes to another.")
@click.option("--max-in-flight", type=int, help="Most messages given out at once.")
@click.option("--class", "classes", multiple=True, help="NAME=WEIGHT, a priority class. Repeat it; `none` for none.")
@click.option(
    "--per-key", "concurrency_per_key", type=int, help="Most of one key at work at once; 1 is strict order, 0 off."
)
@click.option("--partitions", type=int, help="Keys that can be at work side by side, with --per-key.")
@click.option("--dedupe-window", "dedupe_window_s", type=float, help="Seconds a dedupe key is remembered; 0 is off.")
@click.option("--max-messages", type=int, help="Limit of messages; 0 is off.")
@click.option("--max-bytes", type=int, help="Limit of bytes; 0 is off.")
@click.option("--expires-after", "expires_after_s", type=float, help="Seconds a message may wait; 0 is for ever.")
@with_client
async def declare_queue(
    client: Client, screen: Screen, /, name: str, max_attempts: int | None, rules: tuple[str, ...],
    classes: tuple[str, ...], **settings: Any,
) -> None:  # fmt: skip
    """Create a queue or change its settings; what is left out stays."""
    wanted = QueueDeclaration(
        retry=await _retry(client, name, max_attempts, rules), classes=_classes(classes), **settings
    )
    queue = await client.queues.declare(name, wanted)
    screen.table(queue, _COLUMNS, [_row(queue)], empty="")


@queues.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@with_client
async def apply_file(client: Client, screen: Screen, file: str, dry_run: bool) -> None:
    """Declare the queues of FILE (.toml, .yaml or .json) and show what changes.

    Queues that the file does not name, and settings it leaves out, stay as they are.
    """
    changes: list[Change] = []
    for name, wanted in read_file(file).items():
        before = await _declared(client, name)
        after = await client.queues.preview(name, wanted)
        changes.append(Change.between(name, before, after))
        if not dry_run and changes[-1].verb != "same":
            await client.queues.declare(name, wanted)
    if screen.as_json:
        screen.json({"dry_run": dry_run, "queues": changes})
        return
    for change in changes:
        screen.say(change.sentence())
    if dry_run:
        screen.say("Nothing was changed (--dry-run)")


@queues.command("put")
@click.argument("name")
@click.argument("data", required=False)
@click.option("--id", "message_id", help="Enqueue twice with one id and it is stored once.")
@click.option("--content-type", help="DATA is of this media type and sent as it is; JSON unless given.")
@click.option("--key", help="Messages of one key keep their order, where the queue says so.")
@click.option("--priority", help="A class of the queue.")
@click.option("--dedupe-key", help="Stored once within the queue's window.")
@click.option("--expires-in", "expires_in_s", type=float, help="Seconds it may wait.")
@click.option("--wait", "wait_s", type=float, help="Seconds to wait for room while the queue is full.")
@later_options
@with_client
async def put_message(
    client: Client, screen: Screen, /, name: str, data: str | None, message_id: str | None, key: str | None,
    content_type: str | None, **options: Any,
) -> None:  # fmt: skip
    """Put DATA (JSON, @file, or - for standard input) into a queue, now or later."""
    given = cast(EnqueueOptions, {option: value for option, value in options.items() if value is not None})
    payload = parse_payload(data, content_type)
    ack = await client.enqueue(name, payload, id=message_id, key=key, content_type=content_type, **given)
    later = {option: options.get(option) for option in ("delay_s", "at")}
    if not ack.duplicate and (sentence := told(f"{ack.id} enters {name}", **later)) is not None:
        screen.show(ack, sentence)
        return
    again = " (it was there already)" if ack.duplicate else ""
    screen.show(ack, f"{ack.id} waits in {name}{again}")


async def _declared(client: Client, name: str) -> QueueDeclaration | None:
    try:
        return await client.queues.declaration(name)
    except QueueUnknownError:
        return None


async def _retry(client: Client, name: str, max_attempts: int | None, rules: tuple[str, ...]) -> RetryPolicy | None:
    """Return the present policy with what was given changed, or None where nothing was."""
    if max_attempts is None and not rules:
        return None
    before = await _declared(client, name)
    policy = before.retry if before is not None and before.retry is not None else RetryPolicy()
    given: dict[str, Any] = {} if max_attempts is None else {"max_attempts": max_attempts}
    if rules:
        given["rules"] = tuple(_rule(text) for text in rules if text != "none")
    return msgspec.structs.replace(policy, **given)


def _rule(text: str) -> ErrorRule:
    errors, _, then = text.rpartition("=")
    try:
        return msgspec.convert({"errors": [name for name in errors.split(",") if name], "then": then}, ErrorRule)
    except msgspec.ValidationError:
        raise click.BadParameter(f"{text!r} is not ERROR[,ERROR…]=retry|dead_letter|drop") from None


def _classes(given: tuple[str, ...]) -> dict[str, int] | None:
    if not given:
        return None
    found: dict[str, int] = {}
    for text in given:
        name, _, weight = text.partition("=")
        if text == "none":
            continue
        if not weight.isdigit():
            raise click.BadParameter(f"{text!r} is not NAME=WEIGHT")
        found[name] = int(weight)
    return found


def _row(queue: Queue) -> tuple[object, ...]:
    age = None if queue.oldest_age_s is None else f"{queue.oldest_age_s:.0f} s"
    return (
        queue.name, queue.status.state, queue.depth, queue.in_flight, age, f"{queue.in_per_s:g}",
        f"{queue.out_per_s:g}", queue.workers, queue.dead, queue.retry.max_attempts, _kind(queue),
    )  # fmt: skip


def _kind(queue: Queue) -> str:
    words = []
    if len(queue.classes) > 1:
        words.append("/".join(queue.classes))
    if queue.concurrency_per_key:
        words.append("ordered" if queue.concurrency_per_key == 1 else f"{queue.concurrency_per_key} per key")
    if queue.max_messages or queue.max_bytes:
        words.append("limited")
    return ", ".join(words) or "plain"


def _brief(value: object) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list) else f"{value}"


def _spark(depths: list[int]) -> str:
    """Return a line of bars, newest last."""
    bars, shown = "▁▂▃▄▅▆▇█", depths[-60:]
    most = max(*shown, 1)
    return "".join(bars[math.ceil(depth / most * (len(bars) - 1))] for depth in shown) + f" (most: {max(depths)})"


for _command in COMMANDS:
    queues.add_command(_command)
