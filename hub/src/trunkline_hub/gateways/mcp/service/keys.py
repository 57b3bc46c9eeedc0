"""Sealing what clients carry for the hub: session ids and request states of upstreams."""

import base64
import binascii
from collections.abc import Sequence

import msgspec
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.utils import random

from trunkline_hub.db import Database
from trunkline_hub.gateways.mcp import store


class Seal:
    """Encrypts and authenticates a text for one principal at one place; any hub can open it again.

    Nobody can read, change or make one up, nor use one that was given to another.
    """

    def __init__(self, key: bytes, *bound: str) -> None:
        self._box = SecretBox(key)
        self._bound = list(bound)

    def close(self, text: str) -> str:
        sealed = self._box.encrypt(msgspec.json.encode([*self._bound, text]))
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, token: str) -> str | None:
        """Return the text, or None where it was not sealed here for this principal and place."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            parts: Sequence[str] = msgspec.json.decode(self._box.decrypt(raw), type=list[str])
        except (binascii.Error, ValueError, CryptoError, TypeError, msgspec.DecodeError):
            return None
        return parts[-1] if list(parts[:-1]) == self._bound else None


class Keys:
    """One key a workspace, made at first use and shared by all hubs."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, bytes] = {}

    async def seal(self, workspace: str, *bound: str) -> Seal:
        """Return the seal for what is bound to these names."""
        key = self._known.get(workspace)
        if key is None:
            key = self._known[workspace] = await self._read_or_make(workspace)
        return Seal(key, workspace, *bound)

    async def _read_or_make(self, workspace: str) -> bytes:
        async with self._db.read() as tx:
            found = await store.key(tx, workspace)
        if found is None:
            async with self._db.write() as tx:
                await store.add_key(tx, workspace, random(SecretBox.KEY_SIZE).hex())
            async with self._db.read() as tx:
                found = await store.key(tx, workspace)
        return bytes.fromhex(found or "")
