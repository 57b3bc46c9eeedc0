"""`trunkline routes …`."""

import tomllib
from pathlib import Path

import click
import msgspec

from trunkline.cli.output import Screen, ago, parse_data
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.resources import Explanation, Route, RouteDeclaration, RouteSample, RouteTarget

_COLUMNS = ("route", "order #", "takes", "leads to", "routed #", "dead ends #", "loops #", "last", "revision #")


@click.group()
def routes() -> None:
    """Where messages go besides the log: declare, explain, roll back."""


@routes.command("list")
@with_client
async def list_routes(client: Client, screen: Screen) -> None:
    """List routes and what they did."""
    page = await client.routes.list(limit=500)
    screen.table(page, _COLUMNS, [_row(route) for route in page.items], empty="There are no routes.")


@routes.command("show")
@click.argument("name")
@with_client
async def show_route(client: Client, screen: Screen, name: str) -> None:
    """Show one route as it is declared, and what it did."""
    _show(screen, await client.routes.get(name))


@routes.command("declare")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_client
async def declare_route(client: Client, screen: Screen, name: str, file: Path) -> None:
    """Create a route or change it, as FILE (TOML or JSON) says."""
    _show(screen, await client.routes.declare(name, _read(file)))


@routes.command("remove")
@click.argument("name")
@with_client
async def remove_route(client: Client, screen: Screen, name: str) -> None:
    """Take a route away; its history stays."""
    await client.routes.remove(name)
    screen.show({"removed": name}, f"{name} is removed; `trunkline routes rollback {name} NUMBER` brings it back")


@routes.command("history")
@click.argument("name")
@with_client
async def history(client: Client, screen: Screen, name: str) -> None:
    """List what a route was, newest first."""
    page = await client.routes.history(name, limit=100)
    rows = [(one.number, one.action, one.by, ago(one.at), one.note, _json(one.body)) for one in page.items]
    columns = ("revision #", "action", "by", "when", "note", "declaration")
    screen.table(page, columns, rows, empty="This route was never declared.")


@routes.command("rollback")
@click.argument("name")
@click.argument("revision", type=int)
@click.option("--note", default="", help="Why, for the history.")
@with_client
async def rollback(client: Client, screen: Screen, name: str, revision: int, note: str) -> None:
    """Go back to what a route was in REVISION."""
    _show(screen, await client.routes.rollback(name, revision, note=note))


@routes.command("explain")
@click.argument("event_type", metavar="TYPE")
@click.argument("data", required=False)
@click.option("--source", default="/sample", show_default=True, help="CloudEvents source.")
@click.option("--subject", help="CloudEvents subject.")
@click.option("--sender", default="sample", show_default=True, help="Principal that would send it.")
@click.option("--id", "event_id", default="sample", show_default=True, help="Id; it decides where a split sends it.")
@click.option("--attribute", "-a", "attributes", multiple=True, metavar="NAME=VALUE", help="Extension attribute.")
@click.option("--with", "proposed", multiple=True, metavar="NAME=FILE", help="Try a route that is not declared yet.")
@with_client
async def explain(
    client: Client,
    screen: Screen,
    event_type: str,
    data: str | None,
    source: str,
    subject: str | None,
    sender: str,
    event_id: str,
    attributes: tuple[str, ...],
    proposed: tuple[str, ...],
) -> None:
    """Tell where an event of TYPE with DATA would go, and why. Nothing is sent."""
    sample = RouteSample(
        type=event_type, source=source, subject=subject, sender=sender, id=event_id, data=parse_data(data),
        attributes=dict(_pair(text) for text in attributes),
    )  # fmt: skip
    tried = {name: _read(Path(file)) for name, file in map(_pair, proposed)}
    _explain(screen, await client.routes.explain(sample, tried))


@routes.command("dead-ends")
@with_client
async def dead_ends(client: Client, screen: Screen) -> None:
    """List what led nowhere, the most frequent first."""
    page = await client.routes.dead_ends(limit=100)
    rows = [
        (one.type or "(any)", one.route, one.reason, one.count, ago(one.last_at), one.last_id) for one in page.items
    ]
    columns = ("type", "route", "why", "events #", "last", "last id")
    screen.table(page, columns, rows, empty="Everything leads somewhere.")


def _read(file: Path) -> RouteDeclaration:
    try:
        if file.suffix == ".toml":
            return msgspec.convert(tomllib.loads(file.read_text()), RouteDeclaration)
        return msgspec.json.decode(file.read_bytes(), type=RouteDeclaration)
    except (msgspec.ValidationError, msgspec.DecodeError, tomllib.TOMLDecodeError, OSError) as error:
        raise click.BadParameter(f"{file}: {error}") from None


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.BadParameter(f"{text!r} should be NAME=VALUE")
    return name, value


def _row(item: Route) -> tuple[object, ...]:
    route, counts = item.route, item.counts
    takes = ", ".join(route.match.types) or "every type"
    name = item.name if route.enabled else f"{item.name} (off)"
    leads = f" {'+' if route.mode == 'all' else '|'} ".join(_target(one, mode=route.mode) for one in route.targets)
    return (
        name, route.order, takes, leads, counts.routed, counts.dead_ends, counts.loops, ago(counts.last_at),
        item.revision,
    )  # fmt: skip


def _target(target: RouteTarget, *, mode: str) -> str:
    kinds = [f"{kind} {value}" for kind in ("queue", "event", "skill") if (value := getattr(target, kind))]
    place = f"workspace {target.workspace}" if target.workspace else ""
    share = f" x{target.weight:g}" if mode == "split" else ""
    return " in ".join([*kinds, *([place] if place else [])]) + share


def _show(screen: Screen, item: Route) -> None:
    screen.table(item, _COLUMNS, [_row(item)], empty="")
    if not screen.as_json:
        screen.say(msgspec.json.format(msgspec.json.encode(item.route), indent=2).decode())
        if item.counts.last_error:
            screen.say(f"last trouble: {item.counts.last_error}")


def _explain(screen: Screen, found: Explanation) -> None:
    rows = [
        (one.route, one.order, "yes" if one.matched else "no", one.reason, ", ".join(one.targets),
         ", ".join(one.dead_ends))
        for one in found.verdicts
    ]  # fmt: skip
    columns = ("route", "order #", "takes it", "why", "goes to", "dead ends")
    screen.table(found, columns, rows, empty="There are no routes.")
    if not screen.as_json:
        screen.say("followed by " + (f"groups {', '.join(found.groups)}" if found.groups else "no group"))
        if found.leads_nowhere:
            screen.say("The event would lie in the log and go nowhere.")


def _json(value: object) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()
