"""`trunkline doctor`."""

import asyncio

import click

from trunkline.cli.output import Screen
from trunkline_hub import doctor as checks
from trunkline_hub.embedded.advice import cluster_advice


@click.command()
@click.option("--broker-config", is_flag=True, help="Print what a NATS cluster of yours must be told, and the hub.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, for programs.")
@click.pass_obj
def doctor(screen: Screen, broker_config: bool, as_json: bool) -> None:  # noqa: FBT001 -- click passes it so
    """Check this machine and the hub, and say what an acknowledgement means here."""
    screen.as_json = screen.as_json or as_json
    if broker_config:
        advice = cluster_advice()
        screen.show(advice, advice.text())
        return
    findings = asyncio.run(checks.examine())
    screen.show(findings, checks.report(findings))
    raise SystemExit(checks.exit_code(findings))
