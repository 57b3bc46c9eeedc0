"""Runs a command with an open client."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from trunkline.cli.output import Screen
from trunkline.client import Client

P = ParamSpec("P")
R = TypeVar("R")


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
