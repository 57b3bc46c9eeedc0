"""`trunkline agents …` and `trunkline call`."""

from typing import Any

import click

from trunkline.balancing.options import CallOptions
from trunkline.cli.output import Screen, ago, parse_data
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.context import CALL_TIMEOUT_S
from trunkline.protocol.frames import Progress


@click.group()
def agents() -> None:
    """See who exists and how they are."""


@agents.command("list")
@click.option("--skill", help="Only agents that offer this skill.")
@click.option("--state", help="Only agents in this state: healthy, draining, offline …")
@with_client
async def list_agents(client: Client, screen: Screen, skill: str | None, state: str | None) -> None:
    """List agents with their skills and how they are now."""
    page = await client.agents.list(skill=skill, state=state, limit=500)
    rows = [
        (
            agent.name, agent.state, len(agent.instances), agent.version,
            ", ".join(skill.name for skill in agent.skills), ", ".join(agent.queues), ", ".join(agent.groups),
        )
        for agent in page.items
    ]  # fmt: skip
    columns = ("agent", "state", "instances #", "version", "skills", "queues", "event groups")
    screen.table(page, columns, rows, empty="No agents are registered. The README has one to paste.")


@agents.command("show")
@click.argument("name")
@with_client
async def show_agent(client: Client, screen: Screen, name: str) -> None:
    """Show one agent with its instances."""
    agent = await client.agents.get(name)
    rows = [
        (one.id, one.state, one.version, ago(one.since), ago(one.last_beat_at), one.in_flight, one.handled, one.failed)
        for one in agent.instances
    ]
    if not screen.as_json:
        skills = "\n".join(f"  skill {skill.name}: {skill.description or '—'}" for skill in agent.skills)
        screen.page(f"{agent.name} {agent.version} · {agent.state}", f"{agent.description}\n{skills}".strip())
    columns = ("instance", "state", "version", "since", "last beat", "in flight", "handled #", "failed #")
    screen.table(agent, columns, rows, empty="No instance is connected.")


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
