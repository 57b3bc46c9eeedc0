"""What a declared thing was before."""

from typing import Any, Literal

import msgspec


class Revision(msgspec.Struct, kw_only=True):
    """A declared thing as it was from one moment on; `body` is its declaration, None where it was removed."""

    number: int
    action: Literal["declared", "removed", "rolled_back"]
    body: dict[str, Any] | None
    by: str
    at: str
    note: str


class RevisionPage(msgspec.Struct, kw_only=True):
    items: list[Revision]
    next: str | None = None
