"""How long the event log lasts: its limits, types that are kept longer, the archive, its integrity."""

import msgspec


class Keep(msgspec.Struct, kw_only=True):
    """Types of events that are kept longer than the log, and what is kept at the moment."""

    name: str
    types: list[str]
    max_age_s: float
    max_bytes: int
    made: bool
    """Whether the broker keeps them; where it refused, the hub's log says why."""
    messages: int
    size_bytes: int
    first_seq: int
    last_seq: int
    lag: int
    """Events of the log that are not copied yet."""
    former: int
    """Streams of earlier declarations that still hold something."""
    declared_at: str


class KeepDeclaration(msgspec.Struct, kw_only=True):
    """Types to keep longer than the log does."""

    types: list[str]
    max_age_s: float
    max_bytes: int = 2**30


class Retention(msgspec.Struct, kw_only=True):
    """How long a workspace's log lasts, and what it holds."""

    max_age_s: float
    max_bytes: int
    is_default: bool
    """Whether both limits are those of the settings."""
    messages: int
    size_bytes: int
    first_seq: int
    last_seq: int
    first_stored_at: str | None
    keeps: list[Keep]


class RetentionChange(msgspec.Struct, kw_only=True, omit_defaults=True):
    """New limits of the log; what is left out goes back to the settings."""

    max_age_s: float | None = None
    max_bytes: int | None = None


class Archive(msgspec.Struct, kw_only=True):
    """What was written to compressed files before it leaves the log."""

    enabled: bool
    segments: int
    events: int
    size_bytes: int
    first_seq: int
    last_seq: int
    last_stored_at: str | None
    lag_events: int
    """Messages in the log that are not archived yet."""
    missed_events: int
    """Messages that left the log before they were archived."""
    warning: str | None
    """Set while the archive may lose the race with the log's limits."""


class Segment(msgspec.Struct, kw_only=True):
    """One file of the archive: its manifest. Each names the manifest before it, so none can be changed unseen."""

    workspace: str
    first_seq: int
    last_seq: int
    first_stored_at: str
    last_stored_at: str
    messages: int
    missing: list[tuple[int, int]]
    """Sequences that had left the log before, first and last of each run."""
    file: str
    size_bytes: int
    sha256: str
    """Of the lines, uncompressed."""
    previous: str
    """SHA-256 of the manifest before; empty for the first."""


class SegmentPage(msgspec.Struct, kw_only=True):
    items: list[Segment]
    next: str | None = None


class Finding(msgspec.Struct, kw_only=True):
    """Something that is not as it should be, and where."""

    kind: str
    """`gap`, `differs`, `not_kept`, `ends_early`, `segment_missing`, `segment_damaged`, `chain_broken`,
    `undecodable`, `unarchived`."""
    place: str
    """`log`, `keep <name>` or `archive`."""
    first_seq: int
    last_seq: int
    detail: str
    is_damage: bool
    """Whether something that was stored is gone or changed; else it is only worth knowing."""


class Verification(msgspec.Struct, kw_only=True):
    """What `events.verify` found: the result of its job."""

    verdict: str
    """`intact` or `damaged`."""
    checked: dict[str, int]
    """Messages read, by place."""
    counts: dict[str, int]
    """Findings by kind, also those that are not listed."""
    findings: list[Finding]
