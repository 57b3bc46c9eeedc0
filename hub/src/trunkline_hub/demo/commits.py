"""What travels between the demo's agents."""

import msgspec

RECORDED = "commit.recorded"
QUEUE = "release-notes"
GROUP = "commit-statistics"


class Commit(msgspec.Struct, kw_only=True):
    """One commit of a repository."""

    sha: str
    author: str
    at: int
    """Unix seconds."""
    parents: int
    message: str


class Verdict(msgspec.Struct, kw_only=True):
    """What a commit does: its kind, the part it touches, one line on it."""

    kind: str
    scope: str
    title: str
    breaking: bool


class Statistics(msgspec.Struct, kw_only=True):
    """Running totals over the commits seen."""

    commits: int
    authors: int
    merges: int
    first_at: int | None
    last_at: int | None
    busiest_author: str | None


class Report(msgspec.Struct, kw_only=True):
    """What the writer of the release notes did, and how long things took, in milliseconds."""

    written: int
    path: str
    call_p50_ms: float
    call_p99_ms: float
    end_to_end_p50_ms: float
    end_to_end_p99_ms: float
