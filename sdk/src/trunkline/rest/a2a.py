"""Imported A2A agents over HTTP."""

from collections.abc import Mapping
from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources


class A2AApi:
    """A2A agents elsewhere that are agents here."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def preview(self, url: str, *, headers: Mapping[str, str] | None = None) -> resources.A2APreview:
        """Read the card at an address and return what the agent would bring; nothing is stored.

        Raises:
            A2ACardError, OutboundRefusedError, OutboundUnreachableError, OutboundTimeoutError, OutboundTooLargeError
        """
        wanted = resources.A2ALook(url=url, headers=dict(headers or {}))
        return await self._api.post("/a2a/agents/preview", resources.A2APreview, wanted)

    async def add(self, name: str, url: str, *, headers: Mapping[str, str] | None = None) -> resources.A2AAgent:
        """Take an agent in under a name; its card, as it is now, counts as approved.

        Raises:
            A2AAgentExistsError, A2ASignatureError, and what `preview` raises.
        """
        wanted = resources.A2AAgentDeclaration(name=name, url=url, headers=dict(headers or {}))
        return await self._api.post("/a2a/agents", resources.A2AAgent, wanted)

    async def list(self, **filters: Any) -> resources.A2AAgentPage:
        """List imported agents by name; filters: `limit`, `cursor`."""
        return await self._api.get("/a2a/agents", resources.A2AAgentPage, **filters)

    async def get(self, name: str) -> resources.A2AAgent:
        """Return one imported agent, or raise A2AAgentUnknownError."""
        return await self._api.get(f"/a2a/agents/{segment(name)}", resources.A2AAgent)

    async def refresh(self, name: str) -> resources.A2AAgent:
        """Read its card anew, now."""
        return await self._api.post(f"/a2a/agents/{segment(name)}/refresh", resources.A2AAgent)

    async def approve(self, name: str) -> resources.A2AAgent:
        """Approve what changed on its card."""
        return await self._api.post(f"/a2a/agents/{segment(name)}/approve", resources.A2AAgent)

    async def remove(self, name: str) -> None:
        """Take it out of the catalogue."""
        await self._api.delete(f"/a2a/agents/{segment(name)}")
