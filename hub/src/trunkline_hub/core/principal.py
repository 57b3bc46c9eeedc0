"""Who is asking."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

EVERY_WORKSPACE = "*"


@dataclass(frozen=True, kw_only=True)
class Principal:
    """An authenticated caller: a name, where it may act, and what it may do."""

    name: str
    workspace: str
    """Slug, or `*` for a principal that stands above workspaces."""
    scopes: frozenset[str]
    via: Literal["token", "session"]
    key_id: str
    expires_at: datetime | None = None

    def works_in(self, workspace: str) -> bool:
        return self.workspace in {workspace, EVERY_WORKSPACE}


def ordered_by(name: str, workspace: str) -> Principal:
    """Return who ordered a job that is done now; it was allowed when it was ordered."""
    return Principal(name=name, workspace=workspace, scopes=frozenset(), via="token", key_id="")
