"""Groups whose commands are loaded when named, so that each is as quick as what it needs."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import Any

import click

_GROUP = "trunkline.commands"


class LazyGroup(click.Group):
    """A group of commands that stand in `commands_at`: name to `module:attribute`.

    With `default`, that command runs where the first argument names none:
    `trunkline events --type x` is `trunkline events list --type x`.
    """

    def __init__(self, *args: Any, commands_at: Mapping[str, str], default: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands_at = commands_at
        self._default = default

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._commands_at})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self._commands_at.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        return as_command(EntryPoint(cmd_name, place, _GROUP).load())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front where none is named."""
        helps = set(ctx.help_option_names)
        if self._default is not None and (not args or (args[0] not in self._commands_at and args[0] not in helps)):
            args = [self._default, *args]
        return super().parse_args(ctx, args)


def as_command(loaded: object) -> click.Command | None:
    """Return what an entry point named, if it is a command."""
    return loaded if isinstance(loaded, click.Command) else None
