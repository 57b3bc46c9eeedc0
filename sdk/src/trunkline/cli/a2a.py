"""`trunkline a2a …`."""

import click

from trunkline.cli.output import Screen, ago
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.resources import A2AAgent

_COLUMNS = ("agent", "url", "version", "state", "signed by", "skills", "read")
_SKILLS = ("skill", "title", "tags", "description")
_SHOWN_CHARS = 60


@click.group()
def a2a() -> None:
    """A2A agents elsewhere: look at them, take them in, approve what changes."""


@a2a.command("preview")
@click.argument("url")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent with each request to the agent.")
@with_client
async def preview(client: Client, screen: Screen, url: str, headers: tuple[str, ...]) -> None:
    """Show what the agent at URL would bring; nothing is stored."""
    found = await client.a2a.preview(url, headers=_headers(headers))
    rows = [(one.name, one.title, ", ".join(one.tags), one.description[:_SHOWN_CHARS]) for one in found.skills]
    screen.table(found, _SKILLS, rows, empty="It has no skills.")
    screen.page("card", f"{found.name} {found.version}, signed by {found.signed_by or 'nobody who is trusted'}")


@a2a.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent with each request to the agent.")
@with_client
async def add(client: Client, screen: Screen, name: str, url: str, headers: tuple[str, ...]) -> None:
    """Take the agent at URL in as NAME."""
    made = await client.a2a.add(name, url, headers=_headers(headers))
    screen.table(made, _COLUMNS, [_row(made)], empty="")


@a2a.command("list")
@with_client
async def list_remotes(client: Client, screen: Screen) -> None:
    """List the agents that were taken in."""
    page = await client.a2a.list(limit=500)
    screen.table(page, _COLUMNS, [_row(one) for one in page.items], empty="No A2A agent was taken in.")


@a2a.command("refresh")
@click.argument("name")
@with_client
async def refresh(client: Client, screen: Screen, name: str) -> None:
    """Read NAME's card anew, and show what changed."""
    _tell(screen, await client.a2a.refresh(name))


@a2a.command("approve")
@click.argument("name")
@with_client
async def approve(client: Client, screen: Screen, name: str) -> None:
    """Approve what changed on NAME's card."""
    _tell(screen, await client.a2a.approve(name))


@a2a.command("remove")
@click.argument("name")
@with_client
async def remove(client: Client, screen: Screen, name: str) -> None:
    """Take NAME out of the catalogue."""
    await client.a2a.remove(name)
    screen.say(f"{name} is removed.")


def _tell(screen: Screen, agent: A2AAgent) -> None:
    screen.table(agent, _COLUMNS, [_row(agent)], empty="")
    screen.changes(agent.changes)


def _row(agent: A2AAgent) -> tuple[str, ...]:
    return (
        agent.name, agent.url, agent.version, agent.problem or agent.state, agent.signed_by or "-",
        str(len(agent.skills)), ago(agent.refreshed_at),
    )  # fmt: skip


def _headers(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    wrong = [name for name, equals, _value in pairs if not equals]
    if wrong:
        raise click.UsageError(f"--header takes NAME=VALUE, not {wrong[0]!r}")
    return {name: value for name, _equals, value in pairs}
