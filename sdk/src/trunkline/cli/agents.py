"""`trunkline agents …`, `trunkline skills …` and `trunkline call`."""

from typing import Any, BinaryIO

import click
import msgspec

from trunkline.balancing.options import CallOptions
from trunkline.cli.output import Screen, ago, parse_data
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.context import CALL_TIMEOUT_S
from trunkline.protocol.frames import Progress, Registration
from trunkline.protocol.resources import Agent, AgentChange, Imported, SkillMatch, SkillPage

_RECENT = 10


@click.group()
def agents() -> None:
    """See who exists and how they are."""


@agents.command("list")
@click.option("--text", help="Words; the best matches first.")
@click.option("--skill", help="Only agents that offer this skill.")
@click.option("--tag", help="Only agents with a skill of this tag.")
@click.option("--version", "versions", help="Only versions in this range: '^1.2', '>=1,<2'.")
@click.option("--protocol", help="Only agents that speak it: trunkline, a2a, mcp …")
@click.option("--label", "labels", multiple=True, help="Only agents with this label: key=value, or key. Repeatable.")
@click.option("--origin", help="Only agents that came so: sdk, a2a, mcp, nats, openapi.")
@click.option("--state", help="Only agents in this state: healthy, degraded, unhealthy, draining, offline …")
@with_client
async def list_agents(
    client: Client, screen: Screen, /, versions: str | None, labels: tuple[str, ...], **filters: Any
) -> None:
    """Find agents, with their skills and how they are now."""
    page = await client.agents.list(version=versions, label=labels or None, limit=500, **filters)
    rows = [
        (
            agent.name, agent.state, len(agent.instances), agent.version,
            ", ".join(skill.name for skill in agent.skills), ", ".join(agent.queues), ", ".join(agent.groups),
        )
        for agent in page.items
    ]  # fmt: skip
    columns = ("agent", "state", "instances #", "version", "skills", "queues", "event groups")
    screen.table(page, columns, rows, empty="No such agent is registered. The README has one to paste.")


@agents.command("show")
@click.argument("name")
@with_client
async def show_agent(client: Client, screen: Screen, name: str) -> None:
    """Show one agent: its skills, its instances, how it is and was."""
    agent = await client.agents.get(name)
    changes = (await client.agents.history(name, limit=_RECENT)).items
    if screen.as_json:
        screen.json({"agent": agent, "history": changes})
        return
    screen.page(f"{agent.title or agent.name} {agent.version} · {agent.state}", "\n".join(_about(agent)))
    rows = [
        (one.id, one.state, one.version, ago(one.since), ago(one.last_beat_at), one.in_flight, one.handled, one.failed, one.reason)
        for one in agent.instances
    ]  # fmt: skip
    columns = ("instance", "state", "version", "since", "last beat", "in flight", "handled #", "failed #", "why")
    screen.table(agent, columns, rows, empty="No instance is connected.")
    screen.say("")
    _show_changes(screen, changes)


@agents.command("history")
@click.argument("name")
@click.option("--limit", default=50, show_default=True)
@with_client
async def agent_history(client: Client, screen: Screen, name: str, limit: int) -> None:
    """Show what happened to an agent and its instances, the newest first."""
    found = await client.agents.history(name, limit=limit)
    if screen.as_json:
        screen.json(found)
    else:
        _show_changes(screen, found.items)


@agents.command("watch")
@click.option("--after", type=int, help="Begin after this revision instead of now.")
@with_client
async def watch_agents(client: Client, screen: Screen, after: int | None) -> None:
    """Follow what changes: agents come, change and go, and how they are."""
    async for change in client.agents.watch(after=after):
        who = f"{change.agent}/{change.instance}" if change.instance else change.agent
        what = change.state if change.change == "state" else f"{change.change} {change.version}"
        screen.show(change, f"{change.at}  {who}  {what}{f'  ({change.reason})' if change.reason else ''}")


@agents.command("weight")
@click.argument("name")
@click.argument("target", required=False)
@click.argument("weight", type=float, required=False)
@click.option("--clear", is_flag=True, help="Leave it to the agent again.")
@with_client
async def weigh_agent(
    client: Client, screen: Screen, name: str, target: str | None, weight: float | None, clear: bool
) -> None:
    """Say how much TARGET, an instance or a version of an agent, takes: 0 for nothing. Without it, show what was said."""
    if target is not None and clear:
        await client.agents.unweigh(name, target)
    elif target is not None and weight is not None:
        await client.agents.weigh(name, target, weight)
    elif target is not None:
        raise click.UsageError("Say how much it takes, or --clear.")
    found = await client.agents.weights(name)
    rows = [(one.target, one.weight, one.set_by, ago(one.set_at)) for one in found.items]
    screen.table(found, ("instance or version", "weight", "set by", "when"), rows, empty="Nothing was said.")


@agents.command("register")
@click.argument("file", type=click.File("rb"))
@click.option("--name", required=True, help="The agent's name.")
@with_client
async def register_agent(client: Client, screen: Screen, file: BinaryIO, name: str) -> None:
    """Register an agent as FILE says (JSON, as `PUT /agents/{name}` takes it)."""
    try:
        wanted = msgspec.json.decode(file.read(), type=Registration)
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"{file.name}: {error}") from None
    await client.agents.register(name, wanted)
    screen.show({"registered": name}, f"{name} is in the catalogue, with {len(wanted.skills)} skills.")


@agents.group("import")
def import_group() -> None:
    """Make agents of what speaks otherwise."""


@import_group.command("openapi")
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--name", required=True, help="The agent's name.")
@click.option("--url", default="", help="Where the document is; without FILE the hub gets it there.")
@with_client
async def import_openapi(client: Client, screen: Screen, file: BinaryIO | None, name: str, url: str) -> None:
    """Make an agent of an OpenAPI document (JSON or YAML); its operations become skills."""
    if file is None and not url:
        raise click.UsageError("Give FILE or --url.")
    try:
        document = None if file is None else file.read().decode()
    except UnicodeDecodeError:
        raise click.BadParameter(f"{file.name if file else url} is not text in UTF-8") from None
    _show_import(screen, await client.agents.import_openapi(name, document, url=url))


@agents.group("discover")
def discover_group() -> None:
    """Find what speaks otherwise."""


@discover_group.command("nats")
@click.option("--import", "names", multiple=True, help="Make an agent of this service. Repeatable.")
@click.option("--import-all", is_flag=True, help="Make agents of all that answer.")
@with_client
async def discover_nats(client: Client, screen: Screen, names: tuple[str, ...], import_all: bool) -> None:
    """List the NATS micro services that answer on the bus."""
    if names or import_all:
        done = await client.agents.import_nats(*names)
        for one in done.items:
            _show_import(screen, one)
        return
    found = await client.agents.discover_nats()
    rows = [
        (one.name, one.version, len(one.instances), ", ".join(skill.name for skill in one.registration.skills), "; ".join(one.problems))
        for one in found.items
    ]  # fmt: skip
    screen.table(found, ("service", "version", "instances #", "skills", "problems"), rows, empty="No service answers.")


@agents.command("remove")
@click.argument("name")
@with_client
async def remove_agent(client: Client, screen: Screen, name: str) -> None:
    """Take an agent out of the catalogue; its queues stay."""
    await client.agents.remove(name)
    screen.show({"removed": name}, f"{name} is out of the catalogue.")


@click.command()
@click.argument("skill")
@click.argument("data", required=False)
@click.option("--agent", help="Only this agent.")
@click.option("--instance", help="Only this instance.")
@click.option("--version", help="Only instances of a version in this range, such as ^1.2.")
@click.option("--key", help="Calls with one key go to one instance.")
@click.option("--timeout", "timeout_s", default=CALL_TIMEOUT_S, show_default=True, help="Seconds to wait.")
@with_client
async def call(
    client: Client, screen: Screen, /, skill: str, data: str | None, agent: str | None, timeout_s: float,
    **narrowed: str | None,
) -> None:  # fmt: skip
    """Call SKILL with DATA (JSON, @file, or - for standard input) and print what it answers."""

    def progress(step: Progress) -> None:
        if not screen.as_json:
            screen.say(f"  {step.fraction:4.0%} {step.message}")

    narrow = CallOptions(on_progress=progress, **narrowed)  # type: ignore[typeddict-item]
    output: Any = await client.call(skill, parse_data(data), agent=agent, timeout_s=timeout_s, **narrow)
    screen.json(output)


@click.group()
def skills() -> None:
    """Find skills, whoever offers them."""


@skills.command("search")
@click.argument("text", required=False)
@click.option("--tag", help="Only skills of this tag.")
@click.option("--agent", help="Only of this agent.")
@click.option("--state", help="Only of agents in this state.")
@click.option("--label", "labels", multiple=True, help="Only of agents with this label: key=value, or key. Repeatable.")
@click.option("--limit", default=20, show_default=True)
@with_client
async def search_skills(
    client: Client, screen: Screen, /, text: str | None, labels: tuple[str, ...], limit: int, **filters: Any
) -> None:
    """Find skills by words, the best first."""
    _show_skills(screen, await client.skills.search(text, label=labels or None, limit=limit, **filters))


@skills.command("match")
@click.argument("data", required=False)
@click.option("--input-schema", help="Skills that take whatever fits this schema (JSON, @file or -).")
@click.option("--output-schema", help="Skills of which every result fits this schema.")
@click.option("--limit", default=20, show_default=True)
@with_client
async def match_skills(
    client: Client, screen: Screen, data: str | None, input_schema: str | None, output_schema: str | None, limit: int
) -> None:
    """Find who can take DATA (JSON, @file or -)."""
    wanted = SkillMatch(
        input=msgspec.UNSET if data is None else parse_data(data), input_schema=parse_data(input_schema),
        output_schema=parse_data(output_schema), limit=limit,
    )  # fmt: skip
    _show_skills(screen, await client.skills.match(wanted))


def _about(agent: Agent) -> list[str]:
    lines = [agent.description, f"  {agent.reason}"] if agent.reason else [agent.description]
    if agent.origin != "sdk":
        lines.append(f"  imported ({agent.origin}) from {agent.origin_url or '?'} by {agent.imported_by}")
    lines += [f"  label {key}={value}" for key, value in agent.labels.items()]
    lines += [f"  speaks {one.protocol} at {one.url}" for one in agent.interfaces]
    lines += [f"  skill {skill.name}: {skill.title or skill.description or '—'}" for skill in agent.skills]
    return [line for line in lines if line]


def _show_changes(screen: Screen, changes: list[AgentChange]) -> None:
    rows = [(ago(one.at), one.instance, one.state or f"{one.change} {one.version}", one.reason) for one in changes]
    screen.table(changes, ("when", "instance", "what", "why"), rows, empty="Nothing is on record.")


def _show_skills(screen: Screen, page: SkillPage) -> None:
    rows = [
        (one.skill.name, one.agent, one.state, ", ".join(one.skill.tags), one.skill.title or one.skill.description)
        for one in page.items
    ]
    screen.table(page, ("skill", "agent", "state", "tags", "what"), rows, empty="No such skill.")
    if not page.complete:
        screen.say("Too many schemas came into question; not all of them were asked.")


def _show_import(screen: Screen, done: Imported) -> None:
    left_out = "".join(f"\n  left out: {one}" for one in done.skipped)
    screen.show(done, f"{done.agent} is in the catalogue, with {done.skills} skills.{left_out}")
