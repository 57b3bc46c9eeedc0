"""Claiming requests by their keys, and keeping what they were answered."""

import hashlib
from datetime import timedelta

import msgspec
from nacl.secret import SecretBox

from trunkline.protocol.errors import (
    IdempotencyInProgressError,
    IdempotencyKeyReusedError,
    IdempotencyOutcomeLostError,
)
from trunkline.protocol.ids import new_id
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.principal import Principal
from trunkline_hub.core.transaction import UnitOfWork
from trunkline_hub.db import Database, Tx
from trunkline_hub.idempotency import store
from trunkline_hub.idempotency.settings import IdempotencySettings
from trunkline_hub.web.idempotency import Claim, Kept

_ID, _SECRET = b"trunkline-id", b"trunkline-answer"


class RequestClaims:
    """The requests of all principals; see `web.idempotency.Claims`."""

    def __init__(self, settings: IdempotencySettings, db: Database, clock: Clock, *, hub_id: str) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._hub_id = hub_id
        self._began = clock.now()

    async def begin(self, principal: Principal, key: str, fingerprint: str) -> Claim | Kept:
        """Claim a request, or return how it was answered.

        Raises:
            IdempotencyInProgressError, IdempotencyKeyReusedError, IdempotencyOutcomeLostError
        """
        words = f"{principal.workspace}\0{principal.name}\0{key}".encode()
        claim = Claim(
            id=hashlib.blake2b(words, person=_ID, digest_size=32).hexdigest(), token=new_id(),
            secret=hashlib.blake2b(words, person=_SECRET, digest_size=SecretBox.KEY_SIZE).digest(),
        )  # fmt: skip
        now = self._clock.now()
        row = {
            "id": claim.id, "workspace_id": principal.workspace, "fingerprint": fingerprint, "state": "claimed", "token": claim.token,
            "hub_id": self._hub_id, "answer": None, "claimed_at": now,
        }  # fmt: skip
        async with self._db.read() as tx:
            known = await store.get(tx, claim.id)
        if known is None:
            async with self._db.write() as tx:
                is_first = await store.add(tx, row)
            if is_first:
                return claim
            async with self._db.read() as tx:
                known = await store.get(tx, claim.id)
        if known is None:  # given back a moment ago
            raise IdempotencyInProgressError
        if known.fingerprint != fingerprint:
            raise IdempotencyKeyReusedError
        if known.state == "answered":
            return _opened(claim, known.answer)
        if known.claimed_at > now - timedelta(seconds=self._settings.claim_s):
            raise IdempotencyInProgressError
        if known.state == "carried_out":
            raise IdempotencyOutcomeLostError("The hub that did it ended before it answered")
        async with self._db.write() as tx:
            if await store.take_over(tx, known, token=claim.token, hub_id=self._hub_id, at=now):
                return claim
        raise IdempotencyInProgressError

    async def carried_out(self, tx: UnitOfWork, claim: Claim) -> None:
        """Note, in the transaction itself, that the request has had its effect."""
        assert isinstance(tx, Tx)
        await store.change(tx, claim.id, claim.token, state="carried_out")

    async def keep(self, claim: Claim, answer: Kept) -> None:
        """Remember the answer, sealed with the key; of one too large, that it was given."""
        raw = msgspec.msgpack.encode(answer)
        sealed = SecretBox(claim.secret).encrypt(raw) if len(raw) <= self._settings.max_answer_bytes else b""
        async with self._db.write() as tx:
            await store.change(tx, claim.id, claim.token, state="answered", answer=bytes(sealed))

    async def release(self, claim: Claim) -> None:
        """Forget a request that had no effect; it may be sent again."""
        async with self._db.write() as tx:
            await store.drop(tx, claim.id, claim.token)

    async def release_what_was_left(self) -> None:
        """Forget what this hub had claimed when it ended."""
        async with self._db.write() as tx:
            await store.drop_claims_of(tx, self._hub_id, self._began)

    async def prune(self) -> None:
        """Forget what is older than anything is kept."""
        before = self._clock.now() - timedelta(seconds=self._settings.keep_s)
        await self._db.commit(lambda tx: store.prune(tx, before))


def _opened(claim: Claim, sealed: bytes | None) -> Kept:
    if not sealed:
        raise IdempotencyOutcomeLostError("The answer was larger than `idempotency.max_answer_bytes`")
    return msgspec.msgpack.decode(SecretBox(claim.secret).decrypt(sealed), type=Kept)
