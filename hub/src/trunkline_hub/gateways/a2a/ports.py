"""What A2A needs from elsewhere: the catalogue, the caller's identity, and the library's side of it, loaded when first used."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from trunkline.protocol.frames import Progress, Registration
from trunkline.protocol.resources import Agent
from trunkline.protocol.tasks import Artifact, TaskMessage, TaskState
from trunkline_hub.bus.course import Step
from trunkline_hub.bus.host import CallInfo
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.tasks.model import Record

Workspaces = Callable[[], Awaitable[list[str]]]


class Catalogue(Protocol):
    """Who exists, with which skills."""

    async def get(self, tx: Tx, workspace: str, name: str) -> Agent: ...

    async def every(self, tx: Tx, workspace: str) -> list[Agent]: ...

    async def remove(self, tx: Tx, by: Principal, workspace: str, name: str) -> None: ...

    async def import_agent(
        self, tx: Tx, by: Principal, workspace: str, name: str, registration: Registration, *, origin: str,
        origin_url: str,
    ) -> None: ...  # fmt: skip


class Tokens(Protocol):
    """Says who a token names."""

    async def by_token(self, token: str) -> Principal: ...

    async def workspaces(self) -> list[str]: ...


class Signer(Protocol):
    """Signs cards."""

    def make_key(self) -> str:
        """Return a new private key, as PEM."""
        ...

    def jwks(self, private_key: str) -> dict[str, Any]:
        """Return the set of the one public key."""
        ...

    def sign(self, card: Mapping[str, Any], private_key: str, jku: str, *, legacy: bool) -> dict[str, Any]:
        """Return the card with its signature; `legacy` adds what clients of A2A 0.3 look for."""
        ...

    def signed_by(self, card: Mapping[str, Any], keys: Sequence[Mapping[str, Any]]) -> str | None:
        """Return the id of the key of `keys` that a card is signed with; None where it is with none of them."""
        ...


class Words(Protocol):
    """Writes what happened to a task in the words of A2A."""

    def update(self, record: Record, step: Step, files_url: str) -> str | None:
        """Return one step as a `StreamResponse` in JSON; None where it is nothing to A2A clients."""
        ...

    def snapshot(self, record: Record, files_url: str) -> str:
        """Return a task as a `StreamResponse` in JSON."""
        ...


class Engines(Protocol):
    """Gives the library's side of the gateway: `words`, `signer`, `courier`, `http`, `serve_grpc`."""

    async def get(self) -> Any:
        """Return the engine; the first who asks has it loaded."""
        ...


class Courier(Protocol):
    """Speaks to A2A agents elsewhere."""

    async def fetch_card(self, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Read the card that lies at an address, or below it.

        Raises:
            A2ACardError, OutboundErrors
        """
        ...

    async def turn(self, errand: "Errand", message: TaskMessage, report: Callable[[Progress], None]) -> "Turn":
        """Say a message of a task to its agent, or go on with what an earlier try said; returns when it is our turn.

        Raises:
            A2AAgentBrokenError, OutboundErrors
        """
        ...

    async def look(self, errand: "Errand", remote_id: str) -> "Turn | None":
        """Return how a remote task stands now; None where the agent has forgotten it.

        Raises:
            A2AAgentBrokenError, OutboundErrors
        """
        ...

    async def call_off(self, errand: "Errand", remote_id: str) -> None:
        """Tell the agent that its task is no longer wanted; it need not answer."""
        ...

    async def ask(self, errand: "Errand", message: TaskMessage, call: CallInfo) -> Any:
        """Send a message and return what came of it, however long that takes.

        Raises:
            A2AAgentBrokenError, CallFailedError, CallTimeoutError, OutboundErrors
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Turn:
    """How a remote task stands."""

    state: TaskState
    said: TaskMessage | None = None
    artifacts: list[Artifact] = field(default_factory=list)


class Errand(Protocol):
    """One call of an imported agent."""

    @property
    def agent(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def card(self) -> Mapping[str, Any]: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def skill(self) -> str: ...

    async def begun(self) -> str | None:
        """Return the remote task that an earlier try of this call started."""
        ...

    async def waiting(self) -> str | None:
        """Return the remote task that an earlier turn ended with a question of."""
        ...

    async def note(self, remote_id: str) -> None:
        """Remember the remote task, so that whoever tries again goes on with it."""
        ...
