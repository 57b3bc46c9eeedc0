"""Dead letters over HTTP."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources


class DeadLettersApi:
    """Messages that could not be processed."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.DeadLetterPage:
        """List dead letters, newest first; filters: `reader`, `lane`, `reason`, `waiting`, `limit`, `cursor`."""
        return await self._api.get("/dead-letters", resources.DeadLetterPage, **filters)

    async def get(self, letter_id: str) -> resources.DeadLetterDetail:
        """Return one dead letter with payload and attempts, or raise DeadLetterUnknownError."""
        return await self._api.get(f"/dead-letters/{segment(letter_id)}", resources.DeadLetterDetail)

    async def redrive(self, letter_id: str) -> resources.Redriven:
        """Send a dead letter back to where it came from; the message keeps its id."""
        return await self._api.post(f"/dead-letters/{segment(letter_id)}/redrive", resources.Redriven)
