"""The table for people and `latest.json` for the documentation."""

import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles

from rich.console import Console
from rich.table import Table

from bench.rounds import Result

_FSYNCS = 200
_BLOCK = b"\0" * 4096


def fsync_p50_ms(folder: Path) -> float:
    """Return the median duration of appending 4 KB and fsync in `folder`, milliseconds."""
    file = folder / "fsync-probe"
    taken: list[float] = []
    with file.open("wb", buffering=0) as probe:
        for _ in range(_FSYNCS):
            began = time.perf_counter()
            probe.write(_BLOCK)
            os.fsync(probe.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    file.unlink()
    return quantiles(taken, n=2)[0]


def line(result: Result) -> str:
    """Return a result in a line, for whoever watches."""
    verdict = "met" if result.met else "missed"
    return f"  {result.name}: {_figure(result.ours, result.unit)}, ratio {result.ratio:.2f}, {verdict}"


def show(results: Sequence[Result], *, fsync_ms: float) -> None:
    """Print the table."""
    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for heading in ("ours", "other", "ratio", "rounds", "target"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    table.add_column("against")
    for result in results:
        table.add_row(
            result.name,
            _figure(result.ours, result.unit),
            _figure(result.other, result.unit),
            f"{result.ratio:.2f}",
            result.spread,
            f"{'≤' if result.at_most else '≥'} {result.target:g}",
            "[green]met[/]" if result.met else "[red]missed[/]",
            result.against,
        )
    console = Console(width=160)
    console.print(table)
    console.print(
        f"Medians. {os.cpu_count()} CPUs, {platform.system()}, Python {platform.python_version()};"
        f" fsync p50 of the data's disk {fsync_ms:.2f} ms."
    )


def save(results: Sequence[Result], file: Path) -> None:
    """Write what was measured, and nothing else."""
    rows = [
        {
            "name": result.name,
            "ours": round(result.ours, 4),
            "other": round(result.other, 4),
            "against": result.against,
            "unit": result.unit,
            "ratio": round(result.ratio, 3),
        }
        for result in results
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(rows, indent=2) + "\n")


def _figure(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3f} {unit}"
