"""What the gate passes messages to."""

from typing import Protocol

from trunkline.protocol.frames import Ack
from trunkline_hub.core.incoming import Incoming
from trunkline_hub.core.principal import Principal


class EventLane(Protocol):
    """Checks and stores events, as the HTTP door does."""

    async def publish(self, principal: Principal, workspace: str, event: Incoming) -> Ack: ...


class QueueLane(Protocol):
    """Checks and stores work, as the HTTP door does."""

    async def enqueue_event(self, principal: Principal, workspace: str, name: str, event: Incoming) -> Ack: ...
