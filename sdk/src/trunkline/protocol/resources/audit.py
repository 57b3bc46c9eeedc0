"""Who did what."""

from typing import Any

import msgspec


class AuditEntry(msgspec.Struct, kw_only=True):
    """Who did what to what, and when."""

    id: str
    at: str
    principal: str
    action: str
    resource: str
    detail: dict[str, Any]
    request_id: str | None


class AuditPage(msgspec.Struct, kw_only=True):
    items: list[AuditEntry]
    next: str | None = None
