"""`trunkline index …`: the index over the event log."""

import asyncio

import click

from trunkline.cli.output import Screen
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.resources import IndexStatus

_COLUMNS = ("stream", "indexed up to #", "last #", "behind #")
_POLL_S = 0.5


@click.group()
def index() -> None:
    """The index over the event log: how far it is, making it anew."""


@index.command("show")
@with_client
async def show_index(client: Client, screen: Screen) -> None:
    """Show how far each stream is indexed."""
    _show(screen, await client.index.status())


@index.command("rebuild")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Stay until it is done.")
@with_client
async def rebuild_index(client: Client, screen: Screen, wait: bool) -> None:
    """Make the index anew from the log; queries are answered meanwhile."""
    status = await client.index.rebuild()
    while wait and status.state == "rebuilding":
        screen.say(f"{status.progress or 0:.0%} read again")
        await asyncio.sleep(_POLL_S)
        status = await client.index.status()
    _show(screen, status)


def _show(screen: Screen, status: IndexStatus) -> None:
    rows = [(one.name, one.indexed_up_to, one.last_seq, one.behind) for one in status.streams]
    if not screen.as_json:
        progress = f", {status.progress:.0%} read again" if status.progress is not None else ""
        screen.say(f"{status.state}{progress}")
    screen.table(status, _COLUMNS, rows, empty="")
