"""Durations and sizes as people write them: `90s`, `12h`, `30d`; `512MB`, `8GB`."""

import re
from typing import Any

import click

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_BYTES = {"": 1, "b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")


class _Quantity(click.ParamType[float]):
    def __init__(self, name: str, units: dict[str, int], example: str) -> None:
        self.name = name
        self._units = units
        self._example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = _QUANTITY.fullmatch(str(value).strip().lower())
        if match is None or match[2] not in self._units:
            self.fail(f"{value!r} is no {self.name}; write it as {self._example}", param, ctx)
        return float(match[1]) * self._units[match[2]]


DURATION = _Quantity("duration", _SECONDS, "90s, 12h or 30d")
SIZE = _Quantity("size", _BYTES, "512MB or 8GB")


def duration(seconds: float) -> str:
    """Return seconds in the largest unit that they fill."""
    for unit in ("d", "h", "m"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:g}{unit}"
    return f"{seconds:g}s"


def size(count: float) -> str:
    """Return bytes in the largest unit that they fill."""
    for unit in ("tb", "gb", "mb", "kb"):
        if count >= _BYTES[unit]:
            return f"{count / _BYTES[unit]:.1f} {unit.upper()}"
    return f"{count:g} B"
