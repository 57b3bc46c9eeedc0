"""What the demo shows: a bar while it runs, a table at the end; or one JSON object."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from trunkline_hub.demo.commits import Report, Statistics


class Summary(msgspec.Struct, kw_only=True):
    """The demo's result."""

    commits: int
    events: int
    tasks: int
    calls: int
    refused: int
    retries: int
    dead_letters: int
    seconds: float
    messages_per_s: float
    report: Report
    statistics: Statistics
    dashboard: str
    data: str


class Bar(Protocol):
    """Where the demo tells how far it is."""

    def update(self, written: int, counted: int) -> None: ...

    def fed_all(self) -> None: ...


class Show:
    """The demo's face."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(stderr=as_json, highlight=False)

    def say(self, sentence: str) -> None:
        self._console.print(f"[dim]•[/dim] {escape(sentence)}")

    @contextmanager
    def progress(self, total: int) -> Iterator[Bar]:
        columns = (
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        )  # fmt: skip
        with Progress(*columns, console=self._console) as progress:
            yield _Bar(progress, total)

    def summary(self, summary: Summary, *, stays: bool) -> None:
        if self._as_json:
            sys.stdout.write(msgspec.json.encode(summary).decode() + "\n")
            sys.stdout.flush()
            return
        self._console.print()
        self._console.print(_table(summary))
        self._console.print(f"\nRelease notes   {escape(summary.report.path)}", soft_wrap=True)
        self._console.print(f"Dashboard       [bold]{escape(summary.dashboard)}[/bold]", soft_wrap=True)
        self._console.print("                (the link signs you in, once; `trunkline signin` makes another)")
        if stays:
            self._console.print("\n[dim]It stays up; Ctrl-C stops everything.[/dim]")


class _Bar:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._written = progress.add_task("release notes written", total=total)
        self._counted = progress.add_task("events counted", total=total)

    def update(self, written: int, counted: int) -> None:
        self._progress.update(self._written, completed=written)
        self._progress.update(self._counted, completed=counted)

    def fed_all(self) -> None:
        self._progress.update(self._written, description="release notes written (all fed)")


def _table(summary: Summary) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    report = summary.report
    busiest = f", most by {summary.statistics.busiest_author}" if summary.statistics.busiest_author else ""
    for name, value in (
        ("messages", f"{summary.events + summary.tasks + summary.calls:,}"),
        ("", f"{summary.events:,} events · {summary.tasks:,} tasks · {summary.calls:,} calls"),
        ("retries", f"{summary.retries:,}"),
        ("dead letters", f"{summary.dead_letters:,}" + ("  (trunkline dead list)" if summary.dead_letters else "")),
        ("throughput", f"{summary.messages_per_s:,.0f} messages/s over {summary.seconds:g} s"),
        ("call", f"p50 {report.call_p50_ms:g} ms · p99 {report.call_p99_ms:g} ms"),
        ("end to end", f"p50 {report.end_to_end_p50_ms:g} ms · p99 {report.end_to_end_p99_ms:g} ms"),
        ("counted", f"{summary.statistics.commits:,} commits by {summary.statistics.authors:,} authors{busiest}"),
    ):
        table.add_row(name, escape(value))
    return table
