"""`trunkline demo`."""

import asyncio
from pathlib import Path

import click

from trunkline.cli.output import Screen
from trunkline_hub.demo.driver import Demo, DemoOptions
from trunkline_hub.demo.show import Show


@click.command()
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="Git repository to read. [default: here]")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="Only the newest commits.")
@click.option("--once", is_flag=True, help="Stop when the history is done instead of staying up.")
@click.option("--port", default=8400, show_default=True, help="TCP port of the hub, where one must be started.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON, for programs.")
@click.pass_obj
def demo(screen: Screen, repo: Path, limit: int | None, once: bool, port: int, as_json: bool) -> None:  # noqa: FBT001
    """Start a hub and three agents, and feed them a git repository's history."""
    options = DemoOptions(repo=repo, limit=limit, stay=not once, port=port)
    asyncio.run(Demo(options, Show(as_json=as_json or screen.as_json)).run())
