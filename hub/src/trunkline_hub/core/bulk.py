"""Work on many things at once: first they are counted, and no more than was confirmed is touched. Pure."""

from trunkline.protocol.errors import BulkCountError, FieldError, RequestInvalidError

MAX_COUNT = 2**53
"""The largest whole number that JSON carries everywhere."""


def check_bulk(*, dry_run: bool, expected_at_most: int | None, up_to: int | None) -> None:
    """Refuse bulk work that nobody has counted.

    Raises:
        RequestInvalidError
    """
    problems = []
    if not dry_run and expected_at_most is None:
        problems.append(FieldError("/expected_at_most", "must say how many may be touched; a dry run tells"))
    problems += [
        FieldError(f"/{name}", f"must be 0 to {MAX_COUNT}")
        for name, value in (("expected_at_most", expected_at_most), ("up_to", up_to))
        if value is not None and not 0 <= value <= MAX_COUNT
    ]
    if problems:
        raise RequestInvalidError(errors=problems)


def check_count(count: int, expected_at_most: int | None) -> None:
    """Refuse to touch more than was confirmed.

    Raises:
        BulkCountError
    """
    if expected_at_most is not None and count > expected_at_most:
        raise BulkCountError(f"{count:,} match instead of at most {expected_at_most:,}")
