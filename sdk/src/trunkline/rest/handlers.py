"""Declared handlers over HTTP."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources


class HandlersApi:
    """Handlers of events that the hub itself runs."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.HandlerPage:
        """List handlers and how far they are; filters: `limit`, `cursor`."""
        return await self._api.get("/handlers", resources.HandlerPage, **filters)

    async def get(self, name: str) -> resources.Handler:
        """Return one handler, or raise HandlerUnknownError."""
        return await self._api.get(f"/handlers/{segment(name)}", resources.Handler)

    async def declare(self, name: str, wanted: resources.HandlerDeclaration) -> resources.Handler:
        """Create a handler or change it; a new one begins with what is published from now on."""
        return await self._api.put(f"/handlers/{segment(name)}", resources.Handler, wanted)

    async def remove(self, name: str) -> None:
        """Take a handler away, and its place in the log with it."""
        await self._api.delete(f"/handlers/{segment(name)}")

    async def pause(self, name: str) -> resources.Handler:
        """Have a handler stop; events wait for it."""
        return await self._api.post(f"/handlers/{segment(name)}/pause", resources.Handler)

    async def resume(self, name: str) -> resources.Handler:
        """Have a paused handler go on from where it stopped."""
        return await self._api.post(f"/handlers/{segment(name)}/resume", resources.Handler)
