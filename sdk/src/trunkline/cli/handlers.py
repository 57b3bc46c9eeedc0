"""`trunkline handlers …`."""

from pathlib import Path

import click
import msgspec

from trunkline.cli.output import Screen, ago
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.resources import Handler, HandlerAction, HandlerDeclaration, RouteMatch

_COLUMNS = ("handler", "takes", "does", "state", "waiting #", "in flight", "revision #", "changed")


@click.group()
def handlers() -> None:
    """Handlers of events that the hub runs itself: an event calls a skill, becomes work, or another event."""


@handlers.command("list")
@with_client
async def list_handlers(client: Client, screen: Screen) -> None:
    """List handlers and how far they are."""
    page = await client.handlers.list(limit=500)
    screen.table(page, _COLUMNS, [_row(handler) for handler in page.items], empty="There are no handlers.")


@handlers.command("show")
@click.argument("name")
@with_client
async def show_handler(client: Client, screen: Screen, name: str) -> None:
    """Show one handler as it is declared, and how far it is."""
    _show(screen, await client.handlers.get(name))


@handlers.command("declare")
@click.argument("name")
@click.option("--on", "types", multiple=True, help="Types or patterns; every event without.")
@click.option("--attribute", "attributes", multiple=True, metavar="NAME=VALUE", help="Only where this one is so.")
@click.option("--call", help="Call this skill with the event's data.")
@click.option("--enqueue", help="Put the event's data into this queue.")
@click.option("--publish", help="Publish the event's data as this type.")
@click.option("--agent", help="With --call: only an instance of this agent.")
@click.option("--timeout", "timeout_s", default=30.0, show_default=True, help="With --call: seconds to wait.")
@click.option("--concurrency", default=8, show_default=True, help="Most events under way at once.")
@click.option("--max-attempts", default=5, show_default=True, help="Attempts before an event is a dead letter.")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON instead of options.")
@with_client
async def declare_handler(
    client: Client, screen: Screen, /, name: str, file: Path | None, types: tuple[str, ...], max_attempts: int,
    attributes: tuple[str, ...], **given: str | float | None,
) -> None:  # fmt: skip
    """Create a handler or change it."""
    if file is not None:
        wanted = _read(file)
    else:
        action, target = _action({name: given.pop(name) for name in ("call", "enqueue", "publish")})
        match = RouteMatch(types=list(types), attributes=dict(_pair(text) for text in attributes))
        wanted = msgspec.convert(
            given
            | {"action": action, "target": target, "match": match, "retry": RetryPolicy(max_attempts=max_attempts)},
            HandlerDeclaration,
        )
    _show(screen, await client.handlers.declare(name, wanted))


@handlers.command("remove")
@click.argument("name")
@with_client
async def remove_handler(client: Client, screen: Screen, name: str) -> None:
    """Take a handler away, and its place in the log with it."""
    await client.handlers.remove(name)
    screen.show({"removed": name}, f"{name} is removed")


@handlers.command("pause")
@click.argument("name")
@with_client
async def pause_handler(client: Client, screen: Screen, name: str) -> None:
    """Have a handler stop; events wait for it."""
    _show(screen, await client.handlers.pause(name))


@handlers.command("resume")
@click.argument("name")
@with_client
async def resume_handler(client: Client, screen: Screen, name: str) -> None:
    """Have a paused handler go on from where it stopped."""
    _show(screen, await client.handlers.resume(name))


def _read(file: Path) -> HandlerDeclaration:
    try:
        return msgspec.json.decode(file.read_bytes(), type=HandlerDeclaration)
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"{file}: {error}") from None


def _action(given: dict[str, str | float | None]) -> tuple[HandlerAction, str]:
    named = [(action, target) for action, target in given.items() if target is not None]
    if len(named) != 1:
        raise click.UsageError("Give one of --call, --enqueue and --publish")
    return named[0]  # type: ignore[return-value]  # these are the actions there are


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, value


def _show(screen: Screen, handler: Handler) -> None:
    screen.table(handler, _COLUMNS, [_row(handler)], empty="")
    if not screen.as_json:
        screen.say(msgspec.json.format(msgspec.json.encode(handler.declaration)).decode())


def _row(handler: Handler) -> tuple[object, ...]:
    wanted = handler.declaration
    state = "paused" if handler.paused else "running"
    takes = " ".join(wanted.match.types) or "everything"
    return (
        handler.name, takes, f"{wanted.action} {wanted.target}", state, handler.waiting, handler.in_flight,
        handler.revision, ago(handler.updated_at),
    )  # fmt: skip
