"""Durations and sizes as people write them."""

import click
import pytest
from trunkline.cli.quantities import DURATION, SIZE, duration, size


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5h", 5400), ("30d", 2_592_000), ("1Y", 31_536_000), ("2 w", 1_209_600)]
)  # fmt: skip
def test_durations(text, seconds):
    assert DURATION.convert(text, None, None) == seconds


@pytest.mark.parametrize(
    ("text", "count"), [("10", 10), ("1KB", 1024), ("512mb", 2**29), ("8GB", 2**33), ("1.5TB", 1.5 * 2**40)]
)
def test_sizes(text, count):
    assert SIZE.convert(text, None, None) == count


@pytest.mark.parametrize("text", ["", "d", "-1d", "5 parsecs", "1d2h", "8GiB"])
def test_what_is_no_quantity_is_refused(text):
    for kind in (DURATION, SIZE):
        with pytest.raises(click.BadParameter):
            kind.convert(text, None, None)


def test_quantities_are_shown_in_the_largest_unit_they_fill():
    assert [duration(s) for s in (1, 90, 120, 3600, 86400, 2_592_000)] == ["1s", "90s", "2m", "1h", "1d", "30d"]
    assert [size(n) for n in (5, 2048, 2**20, 2**33)] == ["5 B", "2.0 KB", "1.0 MB", "8.0 GB"]
