"""`trunkline events types …`: the catalogue of event types; `trunkline events codegen`: models made from it."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from trunkline.cli.output import Screen, ago, parse_data
from trunkline.cli.root import EXIT_ERROR
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.codegen import LANGUAGES, Source, generate
from trunkline.protocol.errors import EventTypeVersionUnknownError
from trunkline.protocol.resources import (
    EventType,
    EventTypeDeclaration,
    EventTypeDetail,
    EventTypeVersion,
    Incompatibility,
)

_MODES = ("backward", "backward_transitive", "forward", "forward_transitive", "full", "full_transitive", "none")
_POLICIES = ("open", "warn", "enforce")
_READINGS = ("strict", "lenient")
_COLUMNS = ("type", "version #", "policy", "compatibility", "owner", "tags", "events #", "quarantined #", "last seen")
_PAGE = 500


@click.group("types")
def types() -> None:
    """See and declare event types: what may be said, and in which form."""


@types.command("list")
@click.option("--text", help="Only types with this in their name or description.")
@click.option("--owner", help="Only types of this owner.")
@click.option("--tag", help="Only types with this tag.")
@click.option("--undeclared", is_flag=True, help="Only types that were seen and never declared.")
@click.option("--deprecated/--no-deprecated", default=None, help="Only deprecated ones, or none of them.")
@click.option("--limit", default=100, show_default=True, help="Most types to show.")
@with_client
async def list_types(
    client: Client,
    screen: Screen,
    text: str | None,
    owner: str | None,
    tag: str | None,
    undeclared: bool,
    deprecated: bool | None,
    limit: int,
) -> None:
    """List event types, also those that were seen and never declared."""
    declared = False if undeclared else None
    page = await client.event_types.list(
        text=text, owner=owner, tag=tag, declared=declared, deprecated=deprecated, limit=limit
    )
    empty = "No event types match. Declare one: trunkline events types declare TYPE @schema.json"
    screen.table(page, _COLUMNS, [_row(item) for item in page.items], empty=empty)


@types.command("show")
@click.argument("name", metavar="TYPE")
@with_client
async def show_type(client: Client, screen: Screen, name: str) -> None:
    """Show a type: its schema, who publishes and who consumes it."""
    detail = await client.event_types.get(name)
    if screen.as_json:
        screen.json(detail)
        return
    screen.table(detail, _COLUMNS, [_row(detail.type)], empty="")
    if detail.type.description:
        screen.page("description", detail.type.description)
    screen.page("published by", "\n".join(_producers(detail)) or "nobody yet")
    screen.page("consumed by", "\n".join(_consumers(detail)) or "nobody")
    if detail.schema is not None:
        screen.page(f"schema, version {detail.type.newest}", _pretty(detail.schema))


@types.command("declare")
@click.argument("name", metavar="TYPE")
@click.argument("schema", required=False)
@click.option("--description", help="What such an event tells.")
@click.option("--owner", help="Who answers for it.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be given again.")
@click.option("--compatibility", type=click.Choice(_MODES), help="Who must read whom when a version is added.")
@click.option("--reading", type=click.Choice(_READINGS), help="Whether undeclared properties count.")
@click.option("--policy", type=click.Choice(_POLICIES), help="What becomes of events that do not fit.")
@click.option("--sample", "samples", multiple=True, help="A payload as JSON or @file; may be given again.")
@click.option("--note", default="", help="What the new version is about.")
@click.option("--deprecated/--no-deprecated", default=None, help="Whether it should no longer be used.")
@with_client
async def declare_type(
    client: Client, screen: Screen, /, name: str, schema: str | None, tags: tuple[str, ...], samples: tuple[str, ...],
    **said: Any,
) -> None:  # fmt: skip
    """Declare TYPE or change what is declared; SCHEMA (JSON, @file or -) becomes a new version unless it is one."""
    wanted = EventTypeDeclaration(
        schema=parse_data(schema),
        tags=list(tags) or None,
        samples=[parse_data(sample) for sample in samples] or None,
        **said,
    )
    found = await client.event_types.declare(name, wanted)
    version = f"version {found.newest}" if found.newest else "no schema yet"
    screen.show(found, f"{name}: {version}, {found.compatibility}, {found.reading}, {found.policy}")


@types.command("check")
@click.argument("name", metavar="TYPE")
@click.argument("schema")
@click.option("--compatibility", type=click.Choice(_MODES), help="Another mode than the type's own.")
@click.option("--reading", type=click.Choice(_READINGS), help="Another reading than the type's own.")
@with_client
async def check_schema(
    client: Client, screen: Screen, name: str, schema: str, compatibility: Any, reading: Any
) -> None:
    """Tell whether SCHEMA (JSON, @file or -) could become TYPE's next version; exit code 1 if not."""
    report = await client.event_types.check(name, parse_data(schema), compatibility=compatibility, reading=reading)
    if report.compatible:
        same = f"; it is version {report.equals} already" if report.equals else ""
        screen.show(report, f"compatible ({report.compatibility}, {report.reading}){same}")
        return
    reasons = "\n".join(_reason(problem) for problem in report.problems)
    screen.show(report, f"not compatible ({report.compatibility}, {report.reading}):\n{reasons}")
    sys.exit(EXIT_ERROR)


@types.command("validate")
@click.argument("name", metavar="TYPE")
@click.argument("data")
@click.option("--version", type=int, help="Only this version; otherwise any that senders may use.")
@with_client
async def validate_data(client: Client, screen: Screen, name: str, data: str, version: int | None) -> None:
    """Tell whether DATA (JSON, @file or -) fits TYPE; exit code 1 if not."""
    report = await client.event_types.validate(name, parse_data(data), version=version)
    if report.valid:
        screen.show(report, f"fits version {report.version}" if report.version else "fits: the type has no schema")
        return
    reasons = "\n".join(f"  {error.pointer or '/'}: {error.detail}" for error in report.errors)
    screen.show(report, f"does not fit version {report.version}:\n{reasons}")
    sys.exit(EXIT_ERROR)


@types.command("versions")
@click.argument("name", metavar="TYPE")
@with_client
async def list_versions(client: Client, screen: Screen, name: str) -> None:
    """List TYPE's versions, newest first."""
    page = await client.event_types.versions(name, limit=_PAGE)
    rows = [
        (v.number, v.created_at, v.author, v.note, "deprecated" if v.deprecated_at else "", v.fingerprint[:12])
        for v in page.items
    ]
    screen.table(page, ("version #", "added", "by", "note", "", "fingerprint"), rows, empty="It has no schema yet.")


@types.command("schema")
@click.argument("name", metavar="TYPE")
@click.option("--version", type=int, help="This version; the newest otherwise.")
@with_client
async def print_schema(client: Client, screen: Screen, name: str, version: int | None) -> None:
    """Print the JSON Schema of a version."""
    found = await _version(client, name, version)
    screen.show(found.schema, _pretty(found.schema))


@types.command("deprecate")
@click.argument("name", metavar="TYPE")
@click.option("--version", type=int, help="Only this version: senders may no longer use it.")
@click.option("--undo", is_flag=True, help="Take it back.")
@with_client
async def deprecate(client: Client, screen: Screen, name: str, version: int | None, undo: bool) -> None:
    """Mark TYPE, or one version of it, as no longer to be used."""
    if version is None:
        found: Any = await client.event_types.declare(name, EventTypeDeclaration(deprecated=not undo))
    else:
        found = await client.event_types.deprecate_version(name, version, deprecated=not undo)
    what = name if version is None else f"version {version} of {name}"
    screen.show(found, f"{what} is {'in use again' if undo else 'deprecated'}")


@types.command("remove")
@click.argument("name", metavar="TYPE")
@click.option("--version", type=int, help="Only this version.")
@click.option("--force", is_flag=True, help="Though somebody uses it.")
@with_client
async def remove(client: Client, screen: Screen, name: str, version: int | None, force: bool) -> None:
    """Delete TYPE, or one version of it; events in the log stay."""
    if version is None:
        await client.event_types.remove(name, force=force)
    else:
        await client.event_types.remove_version(name, version, force=force)
    screen.show({"removed": name, "version": version}, f"removed {name if version is None else f'{name} {version}'}")


@types.command("rules")
@click.option("--unknown", type=click.Choice(["allow", "refuse"]), help="What becomes of undeclared types over HTTP.")
@with_client
async def rules(client: Client, screen: Screen, unknown: Any) -> None:
    """Show, or set, what the workspace holds events against."""
    found = await (client.event_types.rules() if unknown is None else client.event_types.set_rules(unknown))
    names = ", ".join(rule.name for rule in found.types) or "none"
    screen.show(found, f"unknown types: {found.unknown}\nenforced types: {names}")


@types.command("quarantine")
@click.option("--type", "event_type", help="Only events of this type.")
@click.option("--sender", help="Only events of this principal.")
@click.option("--limit", default=50, show_default=True, help="Most events to show.")
@with_client
async def list_quarantine(
    client: Client, screen: Screen, event_type: str | None, sender: str | None, limit: int
) -> None:
    """List events in the log that do not fit their type, newest first."""
    page = await client.event_types.quarantine(type=event_type, sender=sender, limit=limit)
    rows = [
        (q.seq, ago(q.at), q.type, q.sender, q.policy, "; ".join(f"{r.pointer or '/'} {r.detail}" for r in q.reasons))
        for q in page.items
    ]
    columns = ("seq #", "when", "type", "sender", "policy", "reasons")
    screen.table(page, columns, rows, empty="Nothing is quarantined.")


@click.command("codegen")
@click.argument("names", metavar="TYPE...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every declared type that has a schema.")
@click.option("--language", type=click.Choice(LANGUAGES), required=True, help="What to write.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Directory to write into.")
@with_client
async def codegen(
    client: Client, screen: Screen, names: tuple[str, ...], every: bool, language: str, out: Path
) -> None:
    """Write models of event types: Pydantic, msgspec or TypeScript, one file a type."""
    if bool(names) == every:
        raise click.UsageError("Name some types, or give --all")
    wanted = list(names) if names else await _all_names(client)
    sources = [Source.of(await _version(client, name, None)) for name in wanted]
    files = generate(sources, language)
    _write(out, files)
    screen.show({"written": [f"{out}/{file}" for file in files]}, "\n".join(f"wrote {out}/{file}" for file in files))


def _write(out: Path, files: dict[str, str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (out / file).write_text(text, encoding="utf-8")


async def _all_names(client: Client) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = await client.event_types.list(declared=True, limit=_PAGE, cursor=cursor)
        found += [item.name for item in page.items if item.newest is not None]
        cursor = page.next
        if cursor is None:
            return found


async def _version(client: Client, name: str, number: int | None) -> EventTypeVersion:
    if number is not None:
        return await client.event_types.version(name, number)
    page = await client.event_types.versions(name, limit=1)
    if not page.items:
        raise EventTypeVersionUnknownError(f"{name!r} has no schema yet")
    return page.items[0]


def _row(item: EventType) -> tuple[object, ...]:
    if not item.declared:
        return (item.name, "", "undeclared", "", "", "", item.count, item.quarantined, _seen(item))
    policy = f"{item.policy}, deprecated" if item.deprecated_at else item.policy
    return (
        item.name, item.newest, policy, f"{item.compatibility}, {item.reading}", item.owner, ", ".join(item.tags),
        item.count, item.quarantined, _seen(item),
    )  # fmt: skip


def _seen(item: EventType) -> str:
    return ago(item.last_seen_at) if item.last_seen_at else "never"


def _producers(detail: EventTypeDetail) -> list[str]:
    lines = []
    for one in detail.producers:
        who = f"agent {one.agent} (as {one.principal})" if one.agent else f"principal {one.principal}"
        seen = f"{one.count} events, last {ago(one.last_seen_at)}" if one.observed else "never seen doing it"
        lines.append(f"  {who}: {'declared' if one.declared else 'not declared'}, {seen}")
    return lines


def _consumers(detail: EventTypeDetail) -> list[str]:
    return [f"  {one.lane} {one.name}: {', '.join(one.agents) or 'no agent'}" for one in detail.consumers]


def _reason(problem: Incompatibility) -> str:
    return f"  {problem.pointer or '/'} ({problem.direction}, version {problem.version}): {problem.detail}"


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
