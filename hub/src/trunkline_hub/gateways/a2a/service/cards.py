"""Agents as cards: written from the catalogue, signed, and kept as long as nothing changes."""

import asyncio
import contextlib
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trunkline.protocol.errors import AgentUnknownError
from trunkline.protocol.frames import Extension, Face
from trunkline_hub import __version__
from trunkline_hub.core.clock import Clock
from trunkline_hub.db import Database
from trunkline_hub.gateways.a2a import store
from trunkline_hub.gateways.a2a.model import Features, Place, Served
from trunkline_hub.gateways.a2a.model.card import card_of
from trunkline_hub.gateways.a2a.model.place import path_of
from trunkline_hub.gateways.a2a.ports import Catalogue, Signer
from trunkline_hub.gateways.a2a.settings import A2ASettings

_FRESH_S = 1.0
"""So long after a change an agent may still be served as it was."""
_KEPT = 1000
_MOST_AGENTS = 2000


@dataclass(frozen=True, kw_only=True)
class Card:
    """A card as it is served."""

    body: dict[str, Any]
    etag: str
    changed_at: datetime


class Cards:
    """The cards of all agents."""

    def __init__(self, settings: A2ASettings, db: Database, clock: Clock, catalogue: Catalogue) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._catalogue = catalogue
        self._known: dict[tuple[str, str], tuple[float, Served]] = {}
        self._signed: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, str] = {}
        self.grpc_address = ""
        """Where the gRPC binding listens, once it does."""

    async def served(self, workspace: str, agent: str) -> Served:
        """Return an agent of the catalogue; without a name, the hub itself with the skills of all.

        Raises:
            AgentUnknownError
        """
        now = asyncio.get_running_loop().time()
        held = self._known.get((workspace, agent))
        if held is not None and held[0] > now:
            return held[1]
        served = await (self._one(workspace, agent) if agent else self._all(workspace))
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[workspace, agent] = (now + _FRESH_S, served)
        return served

    async def features(self, place: Place) -> Features:
        """Return what is offered to the clients of an agent: no more than both it and this hub offer.

        Raises:
            AgentUnknownError
        """
        return self._features(await self.served(place.workspace, place.agent))

    def _features(self, served: Served) -> Features:
        wanted, face = self._settings, served.face
        own = [one for one in face.extensions if one.uri not in wanted.required_extensions]
        return Features(
            streaming=wanted.streaming and face.streaming, push=wanted.push_notifications and face.push_notifications,
            extended_card=wanted.extended_cards and face.extended_card,
            extensions=(*(Extension(uri=uri, required=True) for uri in wanted.required_extensions), *own),
            grpc=wanted.grpc_public or self.grpc_address,
        )  # fmt: skip

    async def active(self, place: Place) -> frozenset[str]:
        """Return which of the extensions that a client names are spoken at a place."""
        if not place.extensions:
            return place.extensions
        with contextlib.suppress(AgentUnknownError):
            known = (await self.features(place)).extensions
            return place.extensions & {one.uri for one in known}
        return frozenset()

    async def card(self, place: Place, signer: Signer, *, extended: bool = False, legacy: bool = False) -> Card:
        """Return the card of the agent at a place, signed; `legacy` for clients of A2A 0.3.

        Raises:
            AgentUnknownError
        """
        served = await self.served(place.workspace, place.agent)
        plain = card_of(place, served, self._features(served), extended=extended)
        mark = hashlib.sha256(json.dumps([plain, legacy], sort_keys=True).encode()).hexdigest()
        body = self._signed.get(mark)
        if body is None:
            key = await self.key(place.workspace, signer)
            jku = f"{place.base_url}{path_of(place.workspace, '')}/jwks.json"
            if len(self._signed) >= _KEPT:
                self._signed.clear()
            body = self._signed[mark] = signer.sign(plain, key, jku, legacy=legacy)
        return Card(body=body, etag=f'W/"{mark}"', changed_at=served.changed_at)

    async def key(self, workspace: str, signer: Signer) -> str:
        """Return the private key that a workspace's cards are signed with; made when there is none."""
        configured = self._settings.signing_key.get_secret_value()
        if configured:
            return configured
        if workspace not in self._keys:
            async with self._db.read() as tx:
                found = await store.private_key(tx, workspace)
            if found is None:
                async with self._db.write() as tx:
                    await store.keep_key(tx, workspace, signer.make_key())
                async with self._db.read() as tx:
                    found = await store.private_key(tx, workspace)
            assert found is not None
            self._keys[workspace] = found
        return self._keys[workspace]

    async def _one(self, workspace: str, agent: str) -> Served:
        async with self._db.read() as tx:
            found = await self._catalogue.get(tx, workspace, agent)
        return Served(
            name=found.name, description=found.description, version=found.version, skills=tuple(found.skills),
            changed_at=datetime.fromisoformat(found.updated_at), face=found.a2a or Face(),
        )  # fmt: skip

    async def _all(self, workspace: str) -> Served:
        skills, changed = {}, []
        required: dict[str, frozenset[str]] = {}
        async with self._db.read() as tx:
            agents = await self._catalogue.every(tx, workspace)
        for agent in agents[:_MOST_AGENTS]:
            skills.update({skill.name: skill for skill in agent.skills})
            wanted = frozenset(one.uri for one in agent.a2a.extensions if one.required) if agent.a2a else frozenset()
            required.update({skill.name: wanted | required.get(skill.name, frozenset()) for skill in agent.skills})
            changed.append(datetime.fromisoformat(agent.updated_at))
        return Served(
            name=f"Trunkline, workspace {workspace}", version=__version__, skills=tuple(skills.values()),
            description="All agents of this workspace. Name the skill as `skill` in the message's metadata.",
            changed_at=max(changed, default=self._clock.now()), required=required,
        )  # fmt: skip
