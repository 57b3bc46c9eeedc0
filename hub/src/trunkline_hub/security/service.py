"""Judging tokens and sessions, making and revoking them, granting the bus."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import structlog

from trunkline.protocol.errors import (
    FieldError,
    RequestInvalidError,
    SigninLinkInvalidError,
    TokenInvalidError,
    TokenUnknownError,
)
from trunkline.protocol.ids import new_token
from trunkline.protocol.queueing import Layout
from trunkline.protocol.resources import SigninLink, Token, TokenCreated, TokenPage, TokenRequest
from trunkline_hub.audit import Audit
from trunkline_hub.core.clock import Clock, rfc3339, rfc3339_or_none
from trunkline_hub.core.component import Component
from trunkline_hub.core.page import cut, decode_cursor
from trunkline_hub.core.principal import EVERY_WORKSPACE, Principal
from trunkline_hub.db import Database, Tx
from trunkline_hub.security import model, store
from trunkline_hub.security.model import Grant, Key, Rights
from trunkline_hub.security.ports import Evict, Layouts
from trunkline_hub.security.settings import SecuritySettings

_log = structlog.get_logger("security")
ADMIN = "admin"
DEFAULT_WORKSPACE = "default"
_TOUCH_S = 30.0


class Grants:
    """What agents may do on the bus; written at registration, read by the callout."""

    async def replace(self, tx: Tx, workspace: str, agent: str, principal: str, grants: list[Grant]) -> None:
        """Give `agent` exactly these grants."""
        await store.replace_grants(tx, workspace, agent, principal, grants)


class Security:
    """Identity and access."""

    def __init__(self, settings: SecuritySettings, db: Database, clock: Clock, audit: Audit, evict: Evict) -> None:
        self.permissions: dict[str, str] = {}
        """Every permission of every feature; filled by the composition root."""
        self.used: dict[str, datetime] = {}
        """Keys used since they were last written to the database."""
        self.layouts: Layouts = _all_plain
        """Tells how the queues of a workspace lie on the bus; filled by the composition root."""
        self.tell_revoked: Callable[[], Awaitable[None]] = self.forget_keys
        """Tells every hub, this one included, that a key was revoked."""
        self.hears_hubs: Callable[[], bool] = lambda: False
        """Whether this hub hears of keys that others revoke; while it does not, it asks the database each time."""
        self._known = model.KnownKeys()
        self._settings = settings
        self._db = db
        self._clock = clock
        self._audit = audit
        self._evict = evict
        self._slugs: list[str] = []

    async def bootstrap(self) -> None:
        """Make the default workspace and the first administrator's key, once."""
        token = self._settings.bootstrap_token.get_secret_value()
        async with self._db.write() as tx:
            if DEFAULT_WORKSPACE not in await store.workspace_slugs(tx):
                await store.add_workspace(tx, DEFAULT_WORKSPACE)
            if token and await store.key(tx, model.split_secret(token)) is None:
                if await store.principal(tx, ADMIN) is None:
                    await store.add_principal(tx, ADMIN, EVERY_WORKSPACE, "user")
                await store.add_key(
                    tx, self._key_row(token, ADMIN, EVERY_WORKSPACE, "first administrator", ["*"], None)
                )
                await self._audit.record(tx, DEFAULT_WORKSPACE, "hub", "token.created", f"principal/{ADMIN}")
                _log.info("administrator_created", principal=ADMIN)

    async def workspaces(self) -> list[str]:
        """Return the slugs of all workspaces."""
        if not self._slugs:
            async with self._db.read() as tx:
                self._slugs = await store.workspace_slugs(tx)
        return self._slugs

    async def by_token(self, token: str) -> Principal:
        """Return the principal that `token` names.

        Raises:
            TokenInvalidError, TokenExpiredError
        """
        key = self._known.get(model.split_secret(token), time.monotonic()) if self.hears_hubs() else None
        if key is None:
            return await self.by_stored_token(token)
        return self._opened(key, token)

    async def by_stored_token(self, token: str) -> Principal:
        """Return the principal that `token` names by what the database says now: for what outlives the request.

        Raises:
            TokenInvalidError, TokenExpiredError
        """
        era = self._known.era()
        async with self._db.read() as tx:
            key = await store.key(tx, model.split_secret(token))
        principal = self._opened(key, token)
        if key is not None:
            self._known.add(key, era, time.monotonic())
        return principal

    def _opened(self, key: Key | None, token: str) -> Principal:
        key = model.check_key(key, token, self._clock.now())
        self.used[key.id] = self._clock.now()
        return _principal(key, via="token")

    async def forget_keys(self) -> None:
        """Read every key anew before it opens anything: one was revoked on some hub."""
        self._known.forget()

    async def by_session(self, secret: str) -> Principal:
        """Return the principal of a dashboard session.

        Raises:
            TokenInvalidError: unknown, ended or expired, or its key is gone.
        """
        async with self._db.read() as tx:
            session = await store.session(tx, model.hash_secret(secret))
            key = await store.key(tx, session.key_id) if session is not None else None
        if session is None or key is None or not _is_alive(key, self._clock.now()):
            raise TokenInvalidError("The session has ended; sign in again")
        return _principal(key, via="session", expires_at=session.expires_at)

    async def rights(self, token: str, connection: str) -> tuple[Principal, Rights]:
        """Judge a bus connection; one named `agent <name> <instance>` gets that agent's grants."""
        principal = await self.by_stored_token(token)
        words = connection.split(" ")
        agent = words[1] if len(words) > 1 and words[0] == "agent" else None
        if agent is None:
            return principal, model.rights(principal, [], {})
        async with self._db.read() as tx:
            grants = await store.grants_of(tx, principal.name, agent)
        return principal, await self._agent_rights(principal, grants)

    async def _agent_rights(self, principal: Principal, grants: list[Grant]) -> Rights:
        """An agent's name is the same in several workspaces only where it was registered in each."""
        publish: list[str] = []
        subscribe: list[str] = []
        for workspace in {grant.workspace for grant in grants} or {_home(principal)}:
            own = [grant for grant in grants if grant.workspace == workspace]
            names = [grant.name for grant in own if grant.kind == "queue"]
            layouts = await self.layouts(workspace, names) if names else {}
            found = model.rights(principal, own, layouts)
            publish += found.publish
            subscribe += found.subscribe
        return Rights(publish=sorted(set(publish)), subscribe=sorted(set(subscribe)))

    async def create_token(self, tx: Tx, by: Principal, workspace: str, request: TokenRequest) -> TokenCreated:
        """Make a token that can do no more than its maker.

        Raises:
            RequestInvalidError: a scope is unknown or not held, or the principal belongs elsewhere.
            TokenInvalidError: the maker's own was revoked on another hub a moment ago.
        """
        await self._check_alive(tx, by)
        model.check_scopes(request.scopes, self.permissions, by.scopes)
        name = request.principal or by.name
        model.check_new_token(request.name, name, request.expires_in_s)
        await self._ensure_principal(tx, name, workspace, by)
        secret = model.make_secret(new_token(8), new_token(24))
        expires = self._end(by, request.expires_in_s)
        row = self._key_row(secret, name, workspace, request.name, request.scopes, expires)
        await store.add_key(tx, row)
        await self._audit.record(
            tx, workspace, by.name, "token.created", f"token/{row['id']}", principal=name, scopes=request.scopes
        )
        stored = await store.key_row(tx, workspace, str(row["id"]))
        return TokenCreated(secret=secret, token=_token(stored))

    async def list_tokens(self, tx: Tx, workspace: str, *, cursor: str | None, limit: int) -> TokenPage:
        """Return the tokens that work in the workspace, without their secrets."""
        rows = await store.key_page(tx, workspace, after=decode_cursor(cursor), limit=limit)
        kept, after = cut(rows, limit, lambda row: str(row.id))
        return TokenPage(items=[_token(row) for row in kept], next=after)

    async def revoke_token(self, tx: Tx, by: Principal, workspace: str, key_id: str) -> None:
        """Revoke a token, and with it every session that stands on it.

        Raises:
            TokenUnknownError
        """
        row = await store.key_row(tx, workspace, key_id)
        if row is None or row.revoked_at is not None:
            raise TokenUnknownError(f"There is no token {key_id!r}")
        if row.workspace_id == EVERY_WORKSPACE and by.workspace != EVERY_WORKSPACE:
            raise TokenUnknownError(f"The token {key_id!r} stands above this workspace")
        await store.revoke_key(tx, key_id)
        await self._audit.record(tx, workspace, by.name, "token.revoked", f"token/{key_id}", principal=row.principal)
        tx.after_commit(partial(self._revoked, key_id))

    async def _revoked(self, key_id: str) -> None:
        self._known.forget()
        self._evict(key_id)
        await self.tell_revoked()

    async def _check_alive(self, tx: Tx, by: Principal) -> None:
        """Refuse to make new rights for a key that is known here but stands no more."""
        key = await store.key(tx, by.key_id)
        if key is None or key.revoked_at is not None:
            raise TokenInvalidError

    async def create_signin_link(self, tx: Tx, by: Principal, base_url: str) -> SigninLink:
        """Make a link that signs a browser in once, as the caller.

        Raises:
            TokenInvalidError: the caller's token was revoked on another hub a moment ago.
        """
        await self._check_alive(tx, by)
        secret = new_token(24)
        expires = self._clock.now() + timedelta(seconds=self._settings.signin_link_s)
        workspace = _home(by)
        row = {
            "secret_hash": model.hash_secret(secret), "workspace_id": workspace, "key_id": by.key_id,
            "expires_at": expires, "used_at": None,
        }  # fmt: skip
        await store.add_signin_link(tx, row)
        await self._audit.record(tx, workspace, by.name, "signin_link.created", f"principal/{by.name}")
        return SigninLink(url=f"{base_url}/signin#{secret}", expires_at=rfc3339(expires))

    async def sign_in(self, tx: Tx, secret: str) -> tuple[str, Principal]:
        """Trade a sign-in link's secret for a session; returns the cookie's value and who it is.

        Raises:
            SigninLinkInvalidError: unknown, expired or used.
        """
        link = await store.use_signin_link(tx, model.hash_secret(secret))
        key = await store.key(tx, link.key_id) if link is not None else None
        if key is None or not _is_alive(key, self._clock.now()):
            raise SigninLinkInvalidError
        cookie = new_token(24)
        now = self._clock.now()
        row = {
            "secret_hash": model.hash_secret(cookie), "workspace_id": link.workspace_id, "key_id": key.id,
            "created_at": now, "expires_at": now + timedelta(seconds=self._settings.session_s),
        }  # fmt: skip
        await store.add_session(tx, row)
        await self._audit.record(tx, link.workspace_id, key.principal, "session.started", f"principal/{key.principal}")
        return cookie, _principal(key, via="session")

    async def sign_out(self, tx: Tx, by: Principal, cookie: str) -> None:
        """End a session."""
        await store.end_session(tx, model.hash_secret(cookie))
        await self._audit.record(tx, _home(by), by.name, "session.ended", f"principal/{by.name}")

    def _end(self, by: Principal, expires_in_s: int | None) -> datetime | None:
        """Return when a token of this maker ends: never after the maker's own."""
        wanted = None if expires_in_s is None else self._clock.now() + timedelta(seconds=expires_in_s)
        if by.via == "session" or by.expires_at is None:
            return wanted
        return by.expires_at if wanted is None else min(wanted, by.expires_at)

    async def _ensure_principal(self, tx: Tx, name: str, workspace: str, by: Principal) -> None:
        present = await store.principal(tx, name)
        if present is None:
            await store.add_principal(tx, name, workspace, "service")
        elif name != by.name and present.workspace_id != workspace:
            raise RequestInvalidError(errors=[FieldError("/principal", f"{name!r} belongs to another workspace")])

    def _key_row(
        self, token: str, principal: str, workspace: str, name: str, scopes: list[str], expires: datetime | None
    ) -> dict[str, object]:
        return {
            "id": model.split_secret(token), "principal": principal, "workspace_id": workspace, "name": name,
            "secret_hash": model.hash_secret(token), "scopes": scopes, "created_at": self._clock.now(),
            "expires_at": expires, "revoked_at": None, "last_used_at": None,
        }  # fmt: skip


class LastUsed(Component):
    """Writes down when keys were last used, now and then rather than at each request."""

    name: ClassVar[str] = "token-last-used"

    def __init__(self, security: Security, db: Database) -> None:
        super().__init__()
        self._security = security
        self._db = db

    async def run(self) -> None:
        self.started.set()
        while True:
            await asyncio.sleep(_TOUCH_S)
            used, self._security.used = self._security.used, {}
            if used:
                async with self._db.write() as tx:
                    await store.touch_keys(tx, used)


async def _all_plain(_workspace: str, _names: Sequence[str]) -> Mapping[str, Layout]:
    return {}


def _is_alive(key: Key, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def _principal(key: Key, *, via: str, expires_at: datetime | None = None) -> Principal:
    return Principal(
        name=key.principal, workspace=key.workspace, scopes=key.scopes,
        via="session" if via == "session" else "token", key_id=key.id, expires_at=expires_at or key.expires_at,
    )  # fmt: skip


def _home(principal: Principal) -> str:
    return DEFAULT_WORKSPACE if principal.workspace == EVERY_WORKSPACE else principal.workspace


def _token(row: Any) -> Token:
    return Token(
        id=row.id, name=row.name, principal=row.principal, workspace=row.workspace_id,
        scopes=list(row.scopes), created_at=rfc3339(row.created_at),
        expires_at=rfc3339_or_none(row.expires_at), last_used_at=rfc3339_or_none(row.last_used_at),
        revoked_at=rfc3339_or_none(row.revoked_at),
    )  # fmt: skip
