"""A pace on the command line: `100/s`, `6000/min`, or a number a second."""

import re

import click

_PER = {"": 1.0, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
_FORM = re.compile(r"(\d+(?:\.\d+)?)(?:/(s|min|m|h))?")


class _Rate(click.ParamType[float]):
    name = "rate"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return items a second."""
        found = _FORM.fullmatch(str(value))
        if found is None or float(found[1]) <= 0:
            self.fail(f"{value!r} is not a rate such as 100/s", param, ctx)
        return float(found[1]) / _PER[found[2] or ""]


RATE = _Rate()
