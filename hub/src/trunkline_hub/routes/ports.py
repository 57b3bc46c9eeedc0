"""What routes need to know from elsewhere."""

from collections.abc import Sequence
from typing import Protocol

from trunkline.protocol.resources import QueueDeclaration
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx


class QueueDesk(Protocol):
    """Declares queues and tells which there are."""

    async def declare(self, tx: Tx, by: Principal, workspace: str, name: str, wanted: QueueDeclaration) -> object: ...

    async def names(self, tx: Tx, workspace: str) -> set[str]: ...

    async def closed(self, tx: Tx, workspace: str) -> set[str]: ...


class Follower(Protocol):
    """A group and the type patterns that it follows."""

    @property
    def name(self) -> str: ...
    @property
    def types(self) -> Sequence[str]: ...


class GroupDesk(Protocol):
    """Tells which groups follow which types."""

    async def groups(self, tx: Tx, workspace: str) -> Sequence[Follower]: ...


class SkillDesk(Protocol):
    """Tells which skills are offered."""

    async def skill_names(self, tx: Tx, workspace: str) -> set[str]: ...
