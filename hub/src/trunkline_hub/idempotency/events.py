"""Forgetting requests that nobody will send again."""

import asyncio
from typing import ClassVar, Literal

from trunkline_hub.core.component import Component
from trunkline_hub.idempotency.service import RequestClaims

_PRUNE_S = 600.0


class RequestSweep(Component):
    """Forgets old requests; one hub of a cluster does."""

    name: ClassVar[str] = "idempotency-sweep"
    scope: ClassVar[Literal["each", "one"]] = "one"

    def __init__(self, claims: RequestClaims) -> None:
        super().__init__()
        self._claims = claims

    async def run(self) -> None:
        self.started.set()
        while True:
            await self._claims.prune()
            await asyncio.sleep(_PRUNE_S)


class LeftClaims(Component):
    """Gives back, when its hub starts, what that had claimed when it ended."""

    name: ClassVar[str] = "idempotency-left"

    def __init__(self, claims: RequestClaims) -> None:
        super().__init__()
        self._claims = claims

    async def run(self) -> None:
        await self._claims.release_what_was_left()
        self.started.set()
        await asyncio.Event().wait()
