"""How the command line speaks: tables and sentences for people, JSON for programs."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from trunkline.blobs import Blob
from trunkline.protocol.errors import TrunklineError
from trunkline.protocol.resources import Change

_STYLES = {
    "healthy": "green", "starting": "cyan", "degraded": "yellow", "unhealthy": "red", "draining": "yellow", "offline": "red", "unknown": "dim",
    "active": "green", "deleting": "red", "running": "cyan", "paused": "yellow", "completed": "green", "failed": "red", "cancelled": "dim",
    "submitted": "cyan", "working": "cyan", "input-required": "yellow", "auth-required": "yellow", "canceled": "dim",
    "rejected": "red",
}  # fmt: skip
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_SHOWN_CHARS = 60
_INLINE_BYTES = 256 * 1024
_PIPED_WIDTH = 200
"""Columns where no terminal tells how many it has."""


class Screen:
    """Where a command's answer goes. With `as_json` stdout carries JSON only; sentences go to stderr."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._out = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches, so that a line may be redrawn."""
        return self._out.is_terminal

    def say(self, sentence: str) -> None:
        """Tell a person something."""
        (self._err if self.as_json else self._out).print(escape(sentence), soft_wrap=True)

    def json(self, value: Any) -> None:
        """Print one JSON document on one line."""
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
        sys.stdout.flush()

    def show(self, value: Any, sentence: str) -> None:
        """Print `value` as JSON, or `sentence` for a person."""
        if self.as_json:
            self.json(value)
        else:
            self._out.print(escape(sentence), soft_wrap=True)

    def table(self, value: Any, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> None:
        """Print `value` as JSON, or `rows` as a table; `empty` says so when there are none."""
        if self.as_json:
            self.json(value)
            return
        if not rows:
            self._out.print(escape(empty))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in columns:
            table.add_column(name, justify="right" if name.endswith(("#", "depth", "in flight")) else "left")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self._out.print(table)

    def changes(self, changes: Sequence[Change]) -> None:
        """Print what waits for approval, if anything does, for a person."""
        if changes and not self.as_json:
            rows = [(one.path, _short(one.before), _short(one.after)) for one in changes]
            self.table(changes, ("where", "approved", "found"), rows, empty="")

    def page(self, title: str, body: str) -> None:
        """Print a titled block for a person."""
        self._out.print(Text(title, style="bold"))
        self._out.print(escape(body), soft_wrap=True)

    def text(self, line: Text) -> None:
        """Print a styled line for a person, as wide as it is."""
        self._out.print(line, soft_wrap=True)

    def fail(self, error: TrunklineError) -> None:
        """Print an error: as a problem in JSON, or what happened and what helps."""
        if self.as_json:
            self.json(error.to_problem())
            return
        self._err.print(Text("✗ ", style="red bold").append(Text(error.title, style="bold")))
        if error.detail != error.title:
            self._err.print(f"  {escape(error.detail)}")
        for field in error.errors:
            self._err.print(f"  {escape(field.pointer or '/')}: {escape(field.detail)}")
        self._err.print(f"  [dim]→ {escape(error.remedy)}  ({error.code})[/dim]")


def ago(moment: str | None) -> str:
    """Return an RFC 3339 time as a distance from now: `3 min ago`."""
    if moment is None:
        return "never"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    if seconds < 0:
        return "in " + _span(-seconds)
    return _span(seconds) + " ago"


def parse_data(text: str | None) -> Any:
    """Read a payload given on the command line: JSON, `@file` or `-` for standard input.

    Raises:
        click.BadParameter: it is not JSON.
    """
    if text is None:
        return None
    try:
        raw = _read(text)
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"{text[:60]!r} is not JSON: {error}. A string needs its quotes: '\"text\"'") from None
    except OSError as error:
        raise click.BadParameter(f"{text!r}: {error.strerror}") from None


def parse_payload(text: str | None, content_type: str | None) -> Any:
    """Read a payload given on the command line: JSON, or with a media type whatever it is; a large file as a stream.

    Raises:
        click.BadParameter: it is not JSON, or the file cannot be read.
    """
    if content_type is None or text is None:
        return parse_data(text)
    try:
        if text.startswith("@") and _size(blob := Blob.from_path(text[1:], content_type=content_type)) > _INLINE_BYTES:
            return blob
        return _read(text)
    except OSError as error:
        raise click.BadParameter(f"{text!r}: {error.strerror}") from None


def _read(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if text.startswith("@"):
        with open(text[1:], "rb") as file:  # noqa: PTH123 -- a path from the command line, as given
            return file.read()
    return text.encode()


def _size(blob: Blob) -> int:
    return blob.size or 0


def _cell(value: Any) -> Text:
    text = "—" if value is None or value == "" else str(value)
    return Text(text, style=_STYLES.get(text, ""))


def _short(value: Any) -> str | None:
    text = value if isinstance(value, str | None) else msgspec.json.encode(value).decode()
    return text if text is None or len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _span(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < _DAY:
        return f"{seconds / _HOUR:.0f} h"
    return f"{seconds / _DAY:.0f} d"
