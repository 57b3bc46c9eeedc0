"""`trunkline mcp …`."""

import click

from trunkline.cli.output import Screen, ago
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.resources import McpOffer, McpUpstream, McpUpstreamDeclaration, Toolset, ToolsetDeclaration

_COLUMNS = ("upstream", "where", "state", "speaks", "tools #", "read", "ails")
_TOOLS = ("tool", "becomes skill", "description")
_TOOLSETS = ("toolset", "skills", "tags", "agents", "changed")
_DESCRIPTION_CHARS = 60


@click.group()
def mcp() -> None:
    """MCP servers as agents of the catalogue, and sets of tools for MCP clients."""


@mcp.command("list")
@with_client
async def list_upstreams(client: Client, screen: Screen) -> None:
    """List MCP upstreams and how they are."""
    page = await client.mcp.list(limit=500)
    screen.table(page, _COLUMNS, [_row(one) for one in page.items], empty="There are no MCP upstreams.")


@mcp.command("preview")
@click.argument("url_or_command", nargs=-1, required=True)
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent with every request.")
@with_client
async def preview(client: Client, screen: Screen, /, url_or_command: tuple[str, ...], headers: tuple[str, ...]) -> None:
    """Show what an MCP server would bring; nothing is stored."""
    found = await client.mcp.preview(_declaration(url_or_command, headers))
    _show_offer(screen, found)


@mcp.command("add")
@click.argument("name")
@click.argument("url_or_command", nargs=-1, required=True)
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent with every request.")
@click.option("--env", "env", multiple=True, metavar="NAME=VALUE", help="With a command: more environment.")
@click.option("--prefix", help="Before each tool's name in the skill's; the upstream's name and a dot without.")
@click.option("--description", default="", help="What it is for.")
@with_client
async def add(
    client: Client, screen: Screen, /, name: str, url_or_command: tuple[str, ...], headers: tuple[str, ...],
    env: tuple[str, ...], prefix: str | None, description: str,
) -> None:  # fmt: skip
    """Take an MCP server into the catalogue: a URL, or after `--` a command that the hub starts."""
    wanted = _declaration(url_or_command, headers, env)
    wanted.prefix, wanted.description = prefix, description
    _show(screen, await client.mcp.add(name, wanted))


@mcp.command("refresh")
@click.argument("name")
@with_client
async def refresh(client: Client, screen: Screen, name: str) -> None:
    """Read an upstream's tools anew, now."""
    _show(screen, await client.mcp.refresh(name))


@mcp.command("approve")
@click.argument("name")
@with_client
async def approve(client: Client, screen: Screen, name: str) -> None:
    """Approve what an upstream says of itself and its tools now."""
    _show(screen, await client.mcp.approve(name))


@mcp.command("remove")
@click.argument("name")
@with_client
async def remove(client: Client, screen: Screen, name: str) -> None:
    """Take an upstream and its agent out of the catalogue."""
    await client.mcp.remove(name)
    screen.show({"removed": name}, f"{name} is removed")


@mcp.command("toolsets")
@with_client
async def toolsets(client: Client, screen: Screen) -> None:
    """List stored sets of tools."""
    page = await client.mcp.toolsets(limit=500)
    screen.table(page, _TOOLSETS, [_toolset_row(one) for one in page.items], empty="There are no toolsets.")


@mcp.command("toolset")
@click.argument("name")
@click.option("--skill", "skills", multiple=True, help="A skill, or a pattern with * and ?.")
@click.option("--tag", "tags", multiple=True, help="Skills with this tag.")
@click.option("--agent", "agents", multiple=True, help="All skills of this agent.")
@click.option("--remove", "removing", is_flag=True, help="Forget it.")
@with_client
async def toolset(
    client: Client, screen: Screen, /, name: str, skills: tuple[str, ...], tags: tuple[str, ...],
    agents: tuple[str, ...], removing: bool,
) -> None:  # fmt: skip
    """Store a set of tools, or forget it."""
    if removing:
        await client.mcp.remove_toolset(name)
        screen.show({"removed": name}, f"{name} is removed")
        return
    wanted = ToolsetDeclaration(skills=list(skills), tags=list(tags), agents=list(agents))
    stored = await client.mcp.store_toolset(name, wanted)
    screen.table(stored, _TOOLSETS, [_toolset_row(stored)], empty="")


def _declaration(place: tuple[str, ...], headers: tuple[str, ...], env: tuple[str, ...] = ()) -> McpUpstreamDeclaration:
    if len(place) == 1 and place[0].startswith(("http://", "https://")):
        return McpUpstreamDeclaration(url=place[0], headers=dict(_pair(text) for text in headers))
    return McpUpstreamDeclaration(transport="stdio", command=list(place), env=dict(_pair(text) for text in env))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, value


def _show(screen: Screen, upstream: McpUpstream) -> None:
    screen.table(upstream, _COLUMNS, [_row(upstream)], empty="")
    screen.changes(upstream.changes)


def _show_offer(screen: Screen, found: McpOffer) -> None:
    rows = [(tool.name, tool.skill, tool.description[:_DESCRIPTION_CHARS]) for tool in found.tools]
    screen.table(found, _TOOLS, rows, empty="It offers no tools.")
    if not screen.as_json:
        prompts = f"{len(found.prompts)} prompts"
        screen.say(
            f"{found.server} {found.version} speaks {', '.join(found.versions)};"
            f" {found.resources} resources, {found.templates} templates, {prompts}"
        )


def _row(one: McpUpstream) -> tuple[object, ...]:
    where = one.url or " ".join(one.command)
    read = ago(one.refreshed_at) if one.refreshed_at else ""
    waits = f"{len(one.changes)} changes wait for approval" if one.changes else ""
    return one.name, where, one.state, " ".join(one.versions), one.tools, read, one.detail or waits


def _toolset_row(one: Toolset) -> tuple[object, ...]:
    wanted = one.declaration
    return one.name, " ".join(wanted.skills), " ".join(wanted.tags), " ".join(wanted.agents), ago(one.updated_at)
