"""The hub's own commands, added to `trunkline` through an entry point: serve, demo, doctor."""

import asyncio
from pathlib import Path

import click

from trunkline.cli.output import Screen
from trunkline.local import context_path, state_dir
from trunkline_hub import doctor as checks
from trunkline_hub.demo.driver import Demo, DemoOptions
from trunkline_hub.demo.show import Show
from trunkline_hub.launcher import Launcher, LaunchOptions, launch


@click.command()
@click.option("--port", default=8400, show_default=True, envvar="TRUNKLINE_WEB__PORT", help="TCP port for HTTP.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--data", type=click.Path(path_type=Path), default=None, help="Data directory. [default: your state directory]"
)
@click.option(
    "--database",
    default=None,
    envvar="TRUNKLINE_DB__URL",
    help="SQL database URL. [default: SQLite in the data directory]",
)
@click.pass_obj
def serve(screen: Screen, port: int, host: str, data: Path | None, database: str | None) -> None:
    """Start a hub with its own broker. Nothing needs to be configured."""
    options = LaunchOptions(data=data or state_dir(), host=host, port=port, database_url=database)

    def ready(launcher: Launcher) -> None:
        screen.say(f"Trunkline is ready at {launcher.url}")
        screen.say(f"Data, logs and the admin's context are in {options.data}")
        if options.data != context_path().parent:
            screen.say(f"Clients on this machine find it with TRUNKLINE_HOME={options.data}")
        screen.say("`trunkline signin` opens the dashboard. Ctrl-C stops everything.")

    asyncio.run(launch(options, screen.say, ready))


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


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, for programs.")
@click.pass_obj
def doctor(screen: Screen, as_json: bool) -> None:  # noqa: FBT001 -- click passes it so
    """Check this machine and the hub, and say what an acknowledgement means here."""
    screen.as_json = screen.as_json or as_json
    findings = asyncio.run(checks.examine())
    screen.show(findings, checks.report(findings))
    raise SystemExit(checks.exit_code(findings))
