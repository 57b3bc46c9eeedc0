"""What handlers need from elsewhere."""

from typing import Protocol

from trunkline.protocol import envelope as ce
from trunkline.protocol.frames import Ack, RetryPolicy
from trunkline_hub.core.incoming import Incoming
from trunkline_hub.db import Tx


class GroupDesk(Protocol):
    """Makes a handler's place in the log."""

    async def put_group(self, tx: Tx, workspace: str, name: str, types: list[str], retry: RetryPolicy) -> None: ...

    async def drop_group(self, tx: Tx, workspace: str, name: str) -> None: ...


class QueueLane(Protocol):
    """Puts work into queues."""

    async def admit(self, tx: Tx, workspace: str, name: str) -> object: ...

    async def forward(
        self, workspace: str, principal: str, queue: str, event: Incoming, *, msg_id: str, extra: dict[str, str]
    ) -> Ack: ...


class EventLane(Protocol):
    """Stores events."""

    async def forward(
        self, workspace: str, principal: str, event: Incoming, *, msg_id: str, extra: dict[str, str]
    ) -> Ack: ...


class TypeRules(Protocol):
    """Knows what events must look like."""

    async def check_received(self, workspace: str, message: ce.Envelope) -> None: ...


class Caller(Protocol):
    """Calls skills."""

    async def call(
        self, workspace: str, caller: str, skill: str, agent: str | None, request: ce.Envelope, *, timeout_s: float
    ) -> ce.Envelope: ...
