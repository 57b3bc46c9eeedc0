"""`trunkline serve`."""

import asyncio
from pathlib import Path

import click

from trunkline.cli.output import Screen
from trunkline.local import context_path, state_dir
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
