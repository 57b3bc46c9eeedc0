"""Groups that follow events, over HTTP."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources


class GroupsApi:
    """Groups and how far behind they are."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.GroupPage:
        """List groups with their lag; filters: `limit`, `cursor`."""
        return await self._api.get("/groups", resources.GroupPage, **filters)

    async def get(self, name: str) -> resources.Group:
        """Return one group with its lag, or raise GroupUnknownError."""
        return await self._api.get(f"/groups/{segment(name)}", resources.Group)

    async def remove(self, name: str, *, force: bool = False) -> None:
        """Remove a group with its cursor.

        Raises:
            GroupUnknownError
            GroupInUseError: workers read as it; `force` removes it all the same.
        """
        await self._api.delete(f"/groups/{segment(name)}{'?force=true' if force else ''}")
