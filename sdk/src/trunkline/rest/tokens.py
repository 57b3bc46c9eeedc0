"""API keys over HTTP."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources


class TokensApi:
    """API keys."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.TokenPage:
        """List the workspace's tokens; filters: `limit`, `cursor`."""
        return await self._api.get("/tokens", resources.TokenPage, **filters)

    async def create(self, request: resources.TokenRequest) -> resources.TokenCreated:
        """Create a token; its secret is in this answer and never again."""
        return await self._api.post("/tokens", resources.TokenCreated, request)

    async def revoke(self, token_id: str) -> None:
        """Revoke a token at once."""
        await self._api.delete(f"/tokens/{segment(token_id)}")
