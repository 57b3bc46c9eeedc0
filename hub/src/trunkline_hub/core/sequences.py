"""Places in a stream. Pure."""

from collections.abc import Iterable


def absent(before: int, seqs: Iterable[int]) -> list[tuple[int, int]]:
    """Return the runs (first, last) that are absent between `before` and the last of `seqs`, which rise."""
    runs: list[tuple[int, int]] = []
    for seq in seqs:
        if seq > before + 1:
            runs.append((before + 1, seq - 1))
        before = seq
    return runs
