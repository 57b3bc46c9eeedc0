"""`trunkline queues …`."""

from typing import Any

import click

from trunkline.cli.later import later_options, told
from trunkline.cli.output import Screen, parse_payload
from trunkline.cli.queue_control import COMMANDS
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.resources import Queue, QueueDeclaration

_COLUMNS = ("queue", "state", "depth", "in flight", "redelivered #", "dead #", "attempts #", "ack wait")


@click.group()
def queues() -> None:
    """See, declare and operate queues, put work into them."""


@queues.command("list")
@with_client
async def list_queues(client: Client, screen: Screen) -> None:
    """List queues with what is in them."""
    page = await client.queues.list(limit=500)
    rows = [_row(queue) for queue in page.items]
    screen.table(page, _COLUMNS, rows, empty="There are no queues. Agents declare those they read.")


@queues.command("show")
@click.argument("name")
@with_client
async def show_queue(client: Client, screen: Screen, name: str) -> None:
    """Show one queue."""
    queue = await client.queues.get(name)
    screen.table(queue, _COLUMNS, [_row(queue)], empty="")


@queues.command("declare")
@click.argument("name")
@click.option("--max-attempts", type=int, help="Attempts in all before a message is dead-lettered.")
@click.option("--ack-wait", "ack_wait_s", type=float, help="Seconds until a dead worker's message goes to another.")
@click.option("--max-in-flight", type=int, help="Most messages given out at once.")
@with_client
async def declare_queue(
    client: Client,
    screen: Screen,
    name: str,
    max_attempts: int | None,
    ack_wait_s: float | None,
    max_in_flight: int | None,
) -> None:
    """Create a queue or change its settings; what is left out stays."""
    retry = RetryPolicy(max_attempts=max_attempts) if max_attempts is not None else None
    wanted = QueueDeclaration(retry=retry, ack_wait_s=ack_wait_s, max_in_flight=max_in_flight)
    queue = await client.queues.declare(name, wanted)
    screen.table(queue, _COLUMNS, [_row(queue)], empty="")


@queues.command("put")
@click.argument("name")
@click.argument("data", required=False)
@click.option("--id", "message_id", help="Enqueue twice with one id and it is stored once.")
@click.option("--content-type", help="DATA is of this media type and sent as it is; JSON unless given.")
@later_options
@with_client
async def put_message(
    client: Client,
    screen: Screen,
    /,
    name: str,
    data: str | None,
    message_id: str | None,
    content_type: str | None,
    **later: Any,
) -> None:
    """Put DATA (JSON, @file, or - for standard input) into a queue, now or later."""
    payload = parse_payload(data, content_type)
    ack = await client.enqueue(name, payload, id=message_id, content_type=content_type, **later)
    if (sentence := told(f"{ack.id} enters {name}", **later)) is not None:
        screen.show(ack, sentence)
        return
    again = " (it was there already)" if ack.duplicate else ""
    screen.show(ack, f"{ack.id} waits in {name}{again}")


def _row(queue: Queue) -> tuple[object, ...]:
    return (
        queue.name, queue.status.state, queue.depth, queue.in_flight, queue.redelivered, queue.dead,
        queue.retry.max_attempts, f"{queue.ack_wait_s:g} s",
    )  # fmt: skip


for _command in COMMANDS:
    queues.add_command(_command)
