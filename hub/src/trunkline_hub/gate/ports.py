"""What the gate passes messages to."""

from typing import Protocol

from trunkline.protocol.frames import Ack
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx


class EventLane(Protocol):
    """Checks and stores events, as the HTTP door does."""

    async def publish(self, principal: Principal, workspace: str, raw: bytes) -> Ack: ...


class QueueLane(Protocol):
    """Checks and stores work."""

    async def require(self, tx: Tx, workspace: str, name: str, priority: str | None = None) -> None: ...

    async def forward(
        self, workspace: str, principal: str, queue: str, raw: bytes, *, msg_id: str, headers: dict[str, str]
    ) -> Ack: ...
