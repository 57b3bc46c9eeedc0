"""Recording and reading what declared things were.

A feature that lets people declare something records each change here, in the
same transaction, and rolls back by declaring an old body again through its
own rules.
"""

from typing import Any, Literal

from trunkline.protocol.errors import RevisionUnknownError
from trunkline.protocol.resources import Revision, RevisionPage
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.page import cut, decode_number
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.revisions import store

Action = Literal["declared", "removed", "rolled_back"]


class Revisions:
    """The revisions of all workspaces."""

    async def record(
        self,
        tx: Tx,
        by: Principal,
        workspace: str,
        thing: tuple[str, str],
        body: dict[str, Any] | None,
        *,
        action: Action = "declared",
        note: str = "",
    ) -> int:
        """Write what `thing` (kind, name) is from now on; returns the revision's number, from 1."""
        kind, name = thing
        number = await store.last_number(tx, workspace, kind, name) + 1
        row = {
            "workspace_id": workspace, "kind": kind, "name": name, "number": number, "action": action,
            "body": body, "by": by.name, "at": tx.clock.now(), "note": note,
        }  # fmt: skip
        await store.insert(tx, row)
        return number

    async def page(
        self, tx: Tx, workspace: str, thing: tuple[str, str], *, cursor: str | None, limit: int
    ) -> RevisionPage:
        """Return the history of `thing`, newest first; empty for what was never declared."""
        rows = await store.page(tx, workspace, *thing, before=decode_number(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.number))
        return RevisionPage(items=[_revision(row) for row in kept], next=after)

    async def body(self, tx: Tx, workspace: str, thing: tuple[str, str], number: int) -> dict[str, Any]:
        """Return what `thing` was in revision `number`.

        Raises:
            RevisionUnknownError: there is none, or it is the one that removed the thing.
        """
        row = await store.get(tx, workspace, *thing, number)
        if row is None or row.body is None:
            kind, name = thing
            raise RevisionUnknownError(f"The {kind} {name!r} has no revision {number} to go back to")
        body: dict[str, Any] = row.body
        return body


def _revision(row: Any) -> Revision:
    return Revision(number=row.number, action=row.action, body=row.body, by=row.by, at=rfc3339(row.at), note=row.note)
