"""The catalogue of agents over HTTP."""

from collections.abc import Sequence
from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import frames, resources

_Readers = list[frames.Reader]


class AgentsApi:
    """The catalogue of agents."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.AgentPage:
        """List agents; filters: `skill`, `state`, `limit`, `cursor`."""
        return await self._api.get("/agents", resources.AgentPage, **filters)

    async def get(self, name: str) -> resources.Agent:
        """Return one agent, or raise AgentUnknownError."""
        return await self._api.get(f"/agents/{segment(name)}", resources.Agent)

    async def register(self, name: str, registration: frames.Registration) -> frames.Registered:
        """Register an agent or bring its registration up to date."""
        return await self._api.put(f"/agents/{segment(name)}", frames.Registered, registration)

    async def remove(self, name: str) -> None:
        """Remove an agent from the catalogue."""
        await self._api.delete(f"/agents/{segment(name)}")

    async def readers(self, name: str) -> Sequence[frames.Reader]:
        """Return the queues an agent of one's own takes work from, as they are set now."""
        return await self._api.get(f"/agents/{segment(name)}/readers", _Readers)
