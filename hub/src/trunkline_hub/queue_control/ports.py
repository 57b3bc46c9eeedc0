"""What operating queues needs to know from elsewhere."""

from typing import Protocol

from trunkline.protocol.resources import Queue, QueueDeclaration, QueueSettings
from trunkline_hub.bus import ConsumerSpec, Only
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx


class KnownQueues(Protocol):
    """The queues as declared."""

    async def declaration(self, tx: Tx, workspace: str, name: str) -> QueueSettings: ...

    async def get(self, tx: Tx, workspace: str, name: str) -> Queue: ...

    async def restore(
        self, tx: Tx, by: Principal, workspace: str, name: str, wanted: QueueDeclaration, note: str
    ) -> None: ...

    async def forget(self, tx: Tx, by: Principal, workspace: str, name: str, note: str) -> None: ...

    async def preview(self, workspace: str, name: str, wanted: QueueDeclaration) -> object: ...

    async def desired_consumers(self, only: Only | None) -> list[ConsumerSpec]: ...


class FailedAttempts(Protocol):
    """Counts the failed attempts on record for messages of a queue."""

    async def attempts_at(self, tx: Tx, workspace: str, queue: str, seqs: list[int]) -> dict[int, int]: ...
