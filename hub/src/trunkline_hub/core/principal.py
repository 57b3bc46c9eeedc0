"""Who is asking."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trunkline_hub.core.permission import allows

EVERY_WORKSPACE = "*"


@dataclass(frozen=True, kw_only=True)
class Principal:
    """An authenticated caller: a name, where it may act, and what it may do."""

    name: str
    workspace: str
    """Slug, or `*` for a principal that stands above workspaces."""
    scopes: frozenset[str]
    via: Literal["token", "session", "bus"]
    key_id: str
    expires_at: datetime | None = None

    @property
    def governed(self) -> tuple[bool, bool]:
        """Whether this caller's events, and its tasks, go through the gate for want of a direct scope."""
        pairs = (("events:publish", "events:submit"), ("queues:enqueue", "queues:submit"))
        events, tasks = (allows(self.scopes, gate) and not allows(self.scopes, direct) for direct, gate in pairs)
        return events, tasks

    def works_in(self, workspace: str) -> bool:
        return self.workspace in {workspace, EVERY_WORKSPACE}


def ordered_by(name: str, workspace: str) -> Principal:
    """Return who ordered a job that is done now; it was allowed when it was ordered."""
    return Principal(name=name, workspace=workspace, scopes=frozenset(), via="token", key_id="")
