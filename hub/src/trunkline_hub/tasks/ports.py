"""What tasks need from elsewhere."""

from collections.abc import Callable, Sequence
from typing import Protocol

from trunkline.protocol.frames import Ack, Progress, Reader
from trunkline.protocol.resources import QueueDeclaration
from trunkline.protocol.tasks import TaskEvent, TaskJob
from trunkline_hub.agents import Offer
from trunkline_hub.bus import Reconciler
from trunkline_hub.core.incoming import Incoming
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx


class Catalogue(Protocol):
    """Knows who offers a skill."""

    async def offer(self, workspace: str, skill: str, agent: str | None = None) -> Offer: ...


class QueueLane(Protocol):
    """Takes the jobs of tasks in, and says how they are read."""

    async def readers(self, tx: Tx, workspace: str, names: Sequence[str]) -> list[Reader]: ...

    async def declare(self, tx: Tx, by: Principal, workspace: str, name: str, wanted: QueueDeclaration) -> object: ...

    async def converge(self, reconciler: Reconciler, workspace: str, names: Sequence[str]) -> None: ...

    async def forward(
        self, workspace: str, principal: str, queue: str, event: Incoming, *, msg_id: str,
        extra: dict[str, str] | None = None,
    ) -> Ack: ...  # fmt: skip


class Doer(Protocol):
    """Does the tasks of agents that are elsewhere and have tasks of their own: a call could not be asked back."""

    async def takes(self, workspace: str, agent: str) -> bool:
        """Whether an agent is one of its own."""
        ...

    async def do(self, workspace: str, job: TaskJob, report: Callable[[Progress], None]) -> list[TaskEvent]:
        """Do one turn, or go on with it; the steps it ends with. Where it is cancelled, another hub goes on.

        Raises:
            TrunklineErrors: the task fails, or is tried again after an UnavailableError.
        """
        ...

    async def call_off(self, workspace: str, job: TaskJob) -> None:
        """Tell the agent that its task is no longer wanted; it need not answer."""
        ...
