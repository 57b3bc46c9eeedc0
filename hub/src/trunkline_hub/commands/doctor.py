"""`trunkline doctor`."""

import asyncio

import click

from trunkline.cli.output import Screen
from trunkline_hub import doctor as checks


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, for programs.")
@click.pass_obj
def doctor(screen: Screen, as_json: bool) -> None:  # noqa: FBT001 -- click passes it so
    """Check this machine and the hub, and say what an acknowledgement means here."""
    screen.as_json = screen.as_json or as_json
    findings = asyncio.run(checks.examine())
    screen.show(findings, checks.report(findings))
    raise SystemExit(checks.exit_code(findings))
