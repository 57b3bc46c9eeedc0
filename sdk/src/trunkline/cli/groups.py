"""`trunkline groups …`."""

import click

from trunkline.cli.output import Screen, ago
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.resources import Group

_COLUMNS = ("group", "types", "waiting #", "in flight", "oldest", "rate #", "workers waiting #", "redelivered #")


@click.group()
def groups() -> None:
    """Groups that follow events: how far behind each is."""


@groups.command("list")
@with_client
async def list_groups(client: Client, screen: Screen) -> None:
    """List groups with their lag."""
    page = await client.groups.list(limit=500)
    rows = [_row(group) for group in page.items]
    screen.table(page, _COLUMNS, rows, empty="There are no groups. Agents make their own when they register.")


@groups.command("show")
@click.argument("name")
@with_client
async def show_group(client: Client, screen: Screen, name: str) -> None:
    """Show one group."""
    group = await client.groups.get(name)
    screen.table(group, _COLUMNS, [_row(group)], empty="")


@groups.command("remove")
@click.argument("name")
@click.option("--force", is_flag=True, help="Also while workers read as it.")
@with_client
async def remove_group(client: Client, screen: Screen, name: str, force: bool) -> None:
    """Remove a group with its cursor; what it has not handled, it never will."""
    await client.groups.remove(name, force=force)
    screen.show({"removed": name}, f"{name} is removed")


def _row(group: Group) -> tuple[object, ...]:
    rate = None if group.rate_per_s is None else f"{group.rate_per_s:g}/s"
    oldest = ago(group.oldest_unhandled_at) if group.oldest_unhandled_at else None
    return (
        group.name, ", ".join(group.types), group.waiting, group.in_flight, oldest, rate, group.workers_waiting,
        group.redelivered,
    )  # fmt: skip
