"""What schedules need from elsewhere."""

from typing import Protocol

from trunkline.protocol import envelope as ce
from trunkline.protocol.frames import Ack
from trunkline.protocol.resources import QueueDeclaration
from trunkline_hub.core.incoming import Incoming
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx


class Work(Protocol):
    """The queues."""

    async def declaration(self, tx: Tx, workspace: str, name: str) -> QueueDeclaration:
        """Raise QueueUnknownError where there is no such queue."""
        ...

    async def send(self, workspace: str, sender: str, name: str, message: ce.Envelope) -> Ack:
        """Put a new message into a queue."""
        ...

    async def carry(
        self, workspace: str, name: str, subject: str, raw: bytes, *, store_id: str, headers: dict[str, str]
    ) -> None:
        """Put a message that waited for its time into its queue."""
        ...


class Log(Protocol):
    """The event log."""

    async def publish(self, principal: Principal, workspace: str, event: Incoming) -> Ack:
        """Store a new event."""
        ...
