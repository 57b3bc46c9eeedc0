"""A2A agents elsewhere: looked at, taken in, compared with what was approved, removed."""

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from trunkline.protocol.errors import (
    A2AAgentExistsError,
    A2AAgentUnknownError,
    A2ASignatureError,
    AgentUnknownError,
    OutboundError,
    TrunklineError,
)
from trunkline.protocol.resources import A2AAgent, A2AAgentDeclaration, A2AAgentPage, A2ALook, A2APreview
from trunkline_hub.audit import Audit
from trunkline_hub.core.clock import rfc3339
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.core.principal import Principal, ordered_by
from trunkline_hub.db import Database, Tx
from trunkline_hub.gateways.a2a import store
from trunkline_hub.gateways.a2a.model import remote
from trunkline_hub.gateways.a2a.ports import Catalogue, Engines
from trunkline_hub.gateways.a2a.settings import A2ASettings
from trunkline_hub.outbound import Outbound

_log = structlog.get_logger("a2a")
_ORIGIN = "a2a"


class Remotes:
    """The imported A2A agents of all workspaces."""

    def __init__(
        self, settings: A2ASettings, db: Database, audit: Audit, catalogue: Catalogue, outbound: Outbound,
        engines: Engines,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._db = db
        self._audit = audit
        self._catalogue = catalogue
        self._outbound = outbound
        self._engines = engines

    async def preview(self, wanted: A2ALook) -> A2APreview:
        """Read a card and tell what the agent would bring; nothing is stored.

        Raises:
            RequestInvalidError, A2ACardError, OutboundErrors
        """
        remote.check_declaration(None, wanted.url, wanted.headers)
        card = await self._fetch(wanted.url, wanted.headers)
        made = remote.registration_of("preview", card)
        skills = [msgspec.structs.replace(one, name=one.name.removeprefix("preview.")) for one in made.skills]
        return A2APreview(
            url=wanted.url, name=made.title, version=made.version, description=made.description, skills=skills,
            signed_by=await self._signed_by(card), card=card,
        )  # fmt: skip

    async def add(self, by: Principal, workspace: str, wanted: A2AAgentDeclaration) -> A2AAgent:
        """Take an agent in: its card, as it is now, counts as approved.

        Raises:
            A2AAgentExistsError, A2ASignatureError, RequestInvalidError, A2ACardError, OutboundErrors
        """
        remote.check_declaration(wanted.name, wanted.url, wanted.headers)
        card = await self._fetch(wanted.url, wanted.headers)
        signed_by = await self._signed_by(card)
        self._check_signature(signed_by)
        row = {
            "workspace_id": workspace, "name": wanted.name, "url": wanted.url, "signed_by": signed_by or "",
            "declaration": msgspec.to_builtins(wanted), "approved": card, "found": None, "problem": "",
            "created_by": by.name,
        }  # fmt: skip
        async with self._db.write() as tx:
            await self._refuse_taken(tx, workspace, wanted.name)
            await store.add_remote(tx, row)
            await self._import(tx, by, workspace, wanted.name, card, wanted.url)
            await self._audit.record(tx, workspace, by.name, "a2a_agent.added", f"agent/{wanted.name}", url=wanted.url)
        async with self._db.read() as tx:
            return await self.get(tx, workspace, wanted.name)

    async def refresh(self, by: Principal, workspace: str, name: str) -> A2AAgent:
        """Read an agent's card anew, now.

        Raises:
            A2AAgentUnknownError, A2ACardError, A2ASignatureError, OutboundErrors
        """
        async with self._db.read() as tx:
            row = await self._row(tx, workspace, name)
        await self._compare(row)
        async with self._db.write() as tx:
            await self._audit.record(tx, workspace, by.name, "a2a_agent.refreshed", f"agent/{name}")
        async with self._db.read() as tx:
            return await self.get(tx, workspace, name)

    async def look_after(self, row: Any) -> None:
        """Read a card in the background; what is wrong is noted with the agent."""
        try:
            await self._compare(row)
        except TrunklineError as error:
            problem = f"{error.code}: {error.detail}"
            _log.warning("a2a_agent_unreachable", agent=row.name, error=problem)
            async with self._db.write() as tx:
                now = tx.clock.now()
                await store.change_remote(tx, row.workspace_id, row.name, problem=problem, refreshed_at=now)

    async def approve(self, tx: Tx, by: Principal, workspace: str, name: str) -> A2AAgent:
        """Take an agent's changed card as the approved one.

        Raises:
            A2AAgentUnknownError
        """
        row = await self._row(tx, workspace, name)
        if row.found is not None:
            told = [change.path for change in remote.changes_of(row.approved, row.found)]
            await store.change_remote(tx, workspace, name, approved=row.found, found=None)
            await self._import(tx, by, workspace, name, row.found, row.url)
            await self._audit.record(tx, workspace, by.name, "a2a_agent.approved", f"agent/{name}", changes=told[:50])
        else:
            await self._audit.record(tx, workspace, by.name, "a2a_agent.approved", f"agent/{name}", changes=[])
        return await self.get(tx, workspace, name)

    async def remove(self, tx: Tx, by: Principal, workspace: str, name: str) -> None:
        """Take an agent out again.

        Raises:
            A2AAgentUnknownError
        """
        await self._row(tx, workspace, name)
        await store.drop_remote(tx, workspace, name)
        await self._catalogue.remove(tx, by, workspace, name)
        await self._audit.record(tx, workspace, by.name, "a2a_agent.removed", f"agent/{name}")

    async def get(self, tx: Tx, workspace: str, name: str) -> A2AAgent:
        """Return one imported agent.

        Raises:
            A2AAgentUnknownError
        """
        return _shown(await self._row(tx, workspace, name))

    async def page(self, tx: Tx, workspace: str, *, cursor: str | None, limit: int) -> A2AAgentPage:
        """Return imported agents by name."""
        rows = await store.remote_page(tx, workspace, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.name))
        return A2AAgentPage(items=[_shown(row) for row in kept], next=after)

    async def _compare(self, row: Any) -> None:
        """Read a card; one that changed is taken over, or put before whoever has to approve it."""
        wanted = _declared(row)
        card = await self._fetch(wanted.url, wanted.headers)
        signed_by = await self._signed_by(card)
        self._check_signature(signed_by)
        changed = bool(remote.changes_of(row.approved, card))
        waits = changed and self._settings.approve_changes
        async with self._db.write() as tx:
            values: dict[str, Any] = {"problem": "", "refreshed_at": tx.clock.now(), "found": card if waits else None}
            if not waits:
                values |= {"approved": card, "signed_by": signed_by or ""}
            await store.change_remote(tx, row.workspace_id, row.name, **values)
            if changed and not waits:
                by = ordered_by(row.created_by, row.workspace_id)
                await self._import(tx, by, row.workspace_id, row.name, card, row.url)
        if changed:
            _log.info("a2a_card_changed", agent=row.name, waits=waits)

    async def _fetch(self, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
        engine = await self._engines.get()
        return remote.check_card(await engine.courier.fetch_card(url, headers))

    async def _signed_by(self, card: Mapping[str, Any]) -> str | None:
        if not card.get("signatures") or not self._settings.trusted_keys:
            return None
        keys: list[Mapping[str, Any]] = []
        for trusted in self._settings.trusted_keys:
            keys += await self._keys(trusted)
        engine = await self._engines.get()
        found: str | None = engine.signer.signed_by(card, keys)
        return found

    async def _keys(self, trusted: str) -> list[Mapping[str, Any]]:
        """Return the keys that a setting names: a JWK, or the set at an address."""
        if not trusted.startswith(("http://", "https://")):
            return [msgspec.json.decode(trusted, type=dict)]
        try:
            async with self._outbound.request("GET", trusted, redirects=3) as answer:
                found = msgspec.json.decode(await answer.read())
            return [key for key in found["keys"] if isinstance(key, dict)]
        except (OutboundError, msgspec.DecodeError, KeyError, TypeError) as error:
            _log.warning("a2a_keys_unreachable", url=trusted, error=str(error))
            return []

    def _check_signature(self, signed_by: str | None) -> None:
        if self._settings.require_signatures and signed_by is None:
            raise A2ASignatureError

    async def _refuse_taken(self, tx: Tx, workspace: str, name: str) -> None:
        try:
            await self._catalogue.get(tx, workspace, name)
        except AgentUnknownError:
            return
        raise A2AAgentExistsError(f"There is an agent {name!r} in workspace {workspace!r} already")

    async def _import(
        self, tx: Tx, by: Principal, workspace: str, name: str, card: Mapping[str, Any], url: str
    ) -> None:
        made = remote.registration_of(name, card)
        await self._catalogue.import_agent(tx, by, workspace, name, made, origin=_ORIGIN, origin_url=url)

    async def _row(self, tx: Tx, workspace: str, name: str) -> Any:
        row = await store.remote(tx, workspace, name)
        if row is None:
            raise A2AAgentUnknownError(f"There is no imported A2A agent {name!r} in workspace {workspace!r}")
        return row


def _declared(row: Any) -> A2AAgentDeclaration:
    return msgspec.convert(row.declaration, A2AAgentDeclaration)


def _shown(row: Any) -> A2AAgent:
    changes = remote.changes_of(row.approved, row.found) if row.found is not None else []
    state = "unreachable" if row.problem else "changed" if changes else "ok"
    return A2AAgent(
        name=row.name, url=row.url, version=str(row.approved.get("version", "")), state=state, problem=row.problem,
        skills=sorted(remote.skills_of(row.name, row.approved)), signed_by=row.signed_by or None,
        header_names=sorted(_declared(row).headers), changes=changes, created_by=row.created_by,
        created_at=rfc3339(row.created_at), refreshed_at=rfc3339(row.refreshed_at),
    )  # fmt: skip
