"""Options that say when: `--delay 10m`, `--at 2026-12-24T18:00:00+01:00`."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


class Duration(click.ParamType[float]):
    """A span of time: `90s`, `10m`, `1h30m`, `2d`, or plain seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        text = str(value).strip()
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text)
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            self.fail(f"{text!r} is no span of time; write 90s, 10m, 1h30m or 2d", param, ctx)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)


class Moment(click.ParamType[datetime]):
    """A time, RFC 3339; without a zone it is this machine's local time."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value)).astimezone()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; write 2026-12-24T18:00:00+01:00", param, ctx)


def later_options(function: F) -> F:
    """Add `--delay` and `--at` to a command that sends."""
    at = click.option("--at", type=Moment(), help="Send it at this RFC 3339 time.")
    delay = click.option("--delay", "delay_s", type=Duration(), help="Send it after this long: 90s, 10m, 1h30m, 2d.")
    return delay(at(function))


def told(sentence: str, delay_s: float | None, at: datetime | None) -> str | None:
    """Return `sentence` with when it will be, or None for what goes at once."""
    if at is not None:
        return f"{sentence} at {at.isoformat()}"
    return None if delay_s is None else f"{sentence} in {delay_s:g} s"
