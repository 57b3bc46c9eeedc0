"""`trunkline chaos`."""

import asyncio
import random

import click
from rich.console import Console

from trunkline.cli.output import Screen
from trunkline_hub.chaos.model import Report
from trunkline_hub.chaos.storm import Sight, Storm, StormOptions, interruptible

_ROUND_S = 3.0
_DEFAULT_RATE = 300.0
_EXIT_INTERRUPTED = 130


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0.1), default=None, help="Length of the storm.  [default: 1]")
@click.option("--rounds", type=click.IntRange(min=1), default=None, help="Faults.  [default: one every 3 seconds]")
@click.option("--messages", type=click.IntRange(min=10), default=None, help="Messages.  [default: 300 a second]")
@click.option("--rate", type=click.FloatRange(min=1), default=None, help="Messages a second, where not given in all.")
@click.option("--nodes", type=click.Choice(["1", "3"]), default="1", show_default=True, help="Brokers.")
@click.option("--seed", type=int, default=None, help="Repeats a storm's dice.  [default: a new one]")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object, for programs.")
@click.pass_obj
def chaos(
    screen: Screen, minutes: float | None, rounds: int | None, messages: int | None, rate: float | None,
    nodes: str, seed: int | None, as_json: bool,  # noqa: FBT001
) -> None:  # fmt: skip
    """Start a throw-away Trunkline, kill its parts at random under load, and audit every message.

    Your own hub is not touched; everything lies in a directory below TMPDIR while it runs.
    Exit code 1 when an acknowledged message was lost or an effect was doubled.
    """
    screen.as_json = screen.as_json or as_json
    seconds = minutes * 60 if minutes is not None else rounds * _ROUND_S if rounds is not None else 60.0
    options = StormOptions(
        seconds=seconds, rounds=rounds or max(1, round(seconds / _ROUND_S)),
        messages=messages or max(10, round(seconds * 0.9 * (rate or _DEFAULT_RATE))), nodes=int(nodes),
        seed=seed if seed is not None else random.randrange(2**31),
    )  # fmt: skip
    console = Console(stderr=True, highlight=False)
    with console.status("starting …") as status:
        report = asyncio.run(interruptible(Storm(options, lambda sight: status.update(_line(sight, options)))))
    if report is None:
        raise SystemExit(_EXIT_INTERRUPTED)
    screen.show(report, _words(report))
    raise SystemExit(0 if report.ok else 1)


def _line(sight: Sight, options: StormOptions) -> str:
    last = f", last {sight.last}" if sight.last else ""
    return (
        f"{sight.phase}: {sight.acknowledged:,} of {options.messages:,} acknowledged, {sight.handled:,} handled,"
        f" {sight.faults} of {options.rounds} faults{last}"
    )


def _words(report: Report) -> str:
    kinds = ", ".join(f"{count}x {kind}" for kind, count in report.faults_by_kind.items())
    where = f"{report.handled:,} handled + {report.dead:,} dead + {report.lost:,} lost"
    again = f"{report.redelivered:,} delivered again, {report.retried:,} failed attempts"
    lines = [
        f"{report.acknowledged:,} acknowledged = {where}; {report.doubled:,} doubled",
        f"{report.faults} faults in {report.seconds:g} s on {report.nodes} node(s): {kinds}",
        f"{again}, {report.messages_per_s:,.0f} messages/s, seed {report.seed}",
    ]
    lines += [f"skipped {kind}: {reason}" for kind, reason in report.skipped.items()]
    lines += [f"LOST {', '.join(report.lost_ids)}"] * bool(report.lost)
    lines += [f"DOUBLED {', '.join(report.doubled_ids)}"] * bool(report.doubled)
    lines += [f"Everything still lies in {report.kept}"] * bool(report.kept)
    return "\n".join(lines)
