"""Routes over HTTP."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources


class RoutesApi:
    """Where messages go besides the log."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.RoutePage:
        """List routes by name; filters: `limit`, `cursor`."""
        return await self._api.get("/routes", resources.RoutePage, **filters)

    async def get(self, name: str) -> resources.Route:
        """Return one route and what it did, or raise RouteRuleUnknownError."""
        return await self._api.get(f"/routes/{segment(name)}", resources.Route)

    async def declare(self, name: str, route: resources.RouteDeclaration) -> resources.Route:
        """Create a route or change it; it holds for what is published after this returns.

        Raises:
            RequestInvalidError, RouteLoopError, PermissionDeniedError
        """
        return await self._api.put(f"/routes/{segment(name)}", resources.Route, route)

    async def remove(self, name: str) -> None:
        """Take a route away; its history stays."""
        await self._api.delete(f"/routes/{segment(name)}")

    async def history(self, name: str, **filters: Any) -> resources.RevisionPage:
        """List what a route was, newest first; filters: `limit`, `cursor`."""
        return await self._api.get(f"/routes/{segment(name)}/revisions", resources.RevisionPage, **filters)

    async def rollback(self, name: str, revision: int, *, note: str = "") -> resources.Route:
        """Declare again what a route was in `revision`, or raise RevisionUnknownError."""
        wanted = resources.Rollback(revision=revision, note=note)
        return await self._api.post(f"/routes/{segment(name)}/rollback", resources.Route, wanted)

    async def explain(
        self, sample: resources.RouteSample, proposed: dict[str, resources.RouteDeclaration] | None = None
    ) -> resources.Explanation:
        """Tell where a message would go and why; nothing is sent. `proposed` routes count as if declared."""
        body = {"sample": sample, "proposed": proposed or {}}
        return await self._api.post("/route-explanations", resources.Explanation, body)

    async def dead_ends(self, **filters: Any) -> resources.DeadEndPage:
        """List what led nowhere, the most frequent first; filters: `limit`, `cursor`."""
        return await self._api.get("/dead-ends", resources.DeadEndPage, **filters)
