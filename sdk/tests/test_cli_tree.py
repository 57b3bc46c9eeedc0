"""Every command can be loaded and tells what it does."""

import click
from click.testing import CliRunner
from trunkline.cli.root import tree

_OF_THE_HUB = {"serve", "demo", "doctor", "chaos"}


def commands(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        if path or name not in _OF_THE_HUB:
            command = group.get_command(context, name)
            yield (*path, name), command
            if isinstance(command, click.Group):
                yield from commands(command, (*path, name))


def test_every_command_shows_its_help():
    found = list(commands(tree))
    assert len(found) > 40
    for path, command in found:
        assert isinstance(command, click.Command), path
        shown = CliRunner().invoke(tree, [*path, "--help"])
        assert shown.exit_code == 0, (path, shown.output)
        assert command.help, path
