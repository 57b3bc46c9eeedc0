"""The command tree, and the one place where errors become words and exit codes."""

import sys
from importlib.metadata import entry_points
from typing import Any

import click

from trunkline import __version__
from trunkline.cli.lazy import LazyGroup, as_command
from trunkline.cli.output import Screen
from trunkline.protocol.errors import TrunklineError

_GROUP = "trunkline.commands"
_OF_THE_HUB = frozenset({"serve", "chaos", "demo", "doctor"})
EXIT_ERROR = 1
EXIT_INTERRUPTED = 130


_OWN = {
    "a2a": "trunkline.cli.a2a:a2a",
    "agents": "trunkline.cli.agents:agents",
    "blobs": "trunkline.cli.blobs:blobs",
    "call": "trunkline.cli.agents:call",
    "dead": "trunkline.cli.dead:dead",
    "events": "trunkline.cli.events:events",
    "handlers": "trunkline.cli.handlers:handlers",
    "groups": "trunkline.cli.groups:groups",
    "index": "trunkline.cli.index:index",
    "jobs": "trunkline.cli.jobs:jobs",
    "mcp": "trunkline.cli.mcp:mcp",
    "publish": "trunkline.cli.events:publish",
    "queues": "trunkline.cli.queues:queues",
    "routes": "trunkline.cli.routes:routes",
    "scheduled": "trunkline.cli.schedules:scheduled",
    "schedules": "trunkline.cli.schedules:schedules",
    "skills": "trunkline.cli.agents:skills",
    "signin": "trunkline.cli.tokens:signin",
    "tail": "trunkline.cli.events:tail",
    "tasks": "trunkline.cli.tasks:tasks",
    "tokens": "trunkline.cli.tokens:tokens",
    "trace": "trunkline.cli.trace:trace",
    "whoami": "trunkline.cli.tokens:whoami",
}


class _Tree(LazyGroup):
    """Our own commands, and those that an installed hub adds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *(point.name for point in _added())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for point in _added():
            if point.name == cmd_name:
                return as_command(point.load())
        if cmd_name in _OF_THE_HUB:
            raise click.UsageError(f"`trunkline {cmd_name}` comes with the hub: pip install trunkline-hub")
        return None


@click.group(cls=_Tree, commands_at=_OWN, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--workspace", "-w", envvar="TRUNKLINE_WORKSPACE", default=None, help="Workspace to work in.")
@click.version_option(__version__, prog_name="trunkline")
@click.pass_context
def tree(ctx: click.Context, as_json: bool, workspace: str | None) -> None:
    """Trunkline: agents that find, call and trust each other.

    Without TRUNKLINE_URL and TRUNKLINE_TOKEN, the local hub is used.
    """
    ctx.obj = Screen(as_json=as_json)
    ctx.meta["workspace"] = workspace


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. Exit codes: 0 done, 1 refused or failed, 2 misused, 130 interrupted."""
    screen_json = "--json" in (arguments if arguments is not None else sys.argv[1:])
    try:
        tree.main(args=arguments, prog_name="trunkline", standalone_mode=False)
    except TrunklineError as error:
        Screen(as_json=screen_json).fail(error)
        sys.exit(EXIT_ERROR)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _added() -> list[Any]:
    return list(entry_points(group=_GROUP))
