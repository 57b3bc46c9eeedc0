"""The command tree, and the one place where errors become words and exit codes."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import update_wrapper
from importlib.metadata import entry_points
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from trunkline import __version__
from trunkline.cli.output import Screen
from trunkline.client import Client
from trunkline.protocol.errors import TrunklineError

P = ParamSpec("P")
R = TypeVar("R")

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130


class _Tree(click.Group):
    """Own commands at once; a hub's are loaded when named, so that the others stay quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *(point.name for point in _added())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for point in _added():
            if point.name == cmd_name:
                loaded = point.load()
                return loaded if isinstance(loaded, click.Command) else None
        return None


@click.group(cls=_Tree, context_settings={"help_option_names": ["-h", "--help"]})
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


def with_client(
    function: Callable[Concatenate[Client, Screen, P], Awaitable[R]],
) -> Callable[P, R]:
    """Turn `async def command(client, screen, …)` into a click callback; `--json` works behind it too."""

    @click.option("--json", "json_here", is_flag=True, help="Print JSON, for programs.")
    @click.pass_context
    def command(ctx: click.Context, /, json_here: bool, *args: Any, **kwargs: Any) -> R:
        screen: Screen = ctx.obj
        screen.as_json = screen.as_json or json_here
        workspace = ctx.meta.get("workspace")

        async def work() -> R:
            async with Client(workspace=workspace, name="trunkline-cli") as client:
                return await function(client, screen, *args, **kwargs)

        return asyncio.run(work())

    return update_wrapper(command, function)  # type: ignore[return-value]  # click fills in the parameters


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
    return list(entry_points(group="trunkline.commands"))
