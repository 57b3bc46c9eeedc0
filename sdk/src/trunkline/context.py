"""What a handler knows about the message in its hands."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, cast

from trunkline import claims
from trunkline.protocol import envelope as ce
from trunkline.protocol import modes
from trunkline.protocol.errors import TaskNeededError
from trunkline.protocol.frames import Ack, Progress
from trunkline.protocol.trace import current_traceparent

if TYPE_CHECKING:
    from trunkline.task_runs import TaskRun

current_message: ContextVar[ce.Envelope | None] = ContextVar("trunkline_message", default=None)
"""The message being handled in this task: what is sent meanwhile is caused by it."""

CALL_TIMEOUT_S = 30.0
"""How long a call waits for its answer, unless told otherwise."""

Report = Callable[[Progress], Awaitable[None]]


class Messenger(Protocol):
    """What a handler may send through: a `Client`, or a `TestHub` in tests."""

    @property
    def publish(self) -> Callable[..., Awaitable[Ack]]: ...
    @property
    def enqueue(self) -> Callable[..., Awaitable[Ack]]: ...
    @property
    def call(self) -> Callable[..., Awaitable[Any]]: ...


class Context:
    """The message, its attempt, and a client whose sends are linked to it.

    Attributes:
        client: publish, enqueue and call from here; correlation, causation
            and trace are carried over.
        attempt: number of this attempt, from 1. Always 1 for calls.
        message: the CloudEvent being handled.
        replay_id: id of the replay that sent this event once more; None for the original.
    """

    __slots__ = (
        "_deadline", "_headers", "_key", "_raw", "_report", "_task", "attempt", "client", "message", "replay_id",
    )  # fmt: skip

    def __init__(
        self,
        client: Messenger,
        message: ce.Envelope,
        *,
        attempt: int = 1,
        raw: bytes = b"",
        headers: Mapping[str, str] | None = None,
        report: Report | None = None,
        deadline: float | None = None,
        key: Callable[[], claims.Key] | None = None,
    ) -> None:
        self.client = client
        self.message = message
        self.attempt = attempt
        self.replay_id: str | None = None
        self._raw = raw
        self._headers = headers
        self._report = report
        self._deadline = deadline
        self._key = key
        self._task: Any = None

    @property
    def task(self) -> "TaskRun":
        """The task that this work is (see `TaskRun`); in a plain call one without a record.

        Raises:
            TaskNeededError: this is neither a task nor a call.
        """
        if self._task is None:
            raise TaskNeededError("An event or a queue's message is no task")
        return cast("TaskRun", self._task)

    @task.setter
    def task(self, run: "TaskRun") -> None:
        self._task = run

    @property
    def id(self) -> str:
        """Id of the message: the key for doing its effects once."""
        return self.message.id

    @property
    def is_replay(self) -> bool:
        """Whether this is the past played again, and not what happens now."""
        return self.replay_id is not None

    @property
    def correlation_id(self) -> str:
        """Joins everything that belongs to one business transaction."""
        return self.message.correlationid or self.message.id

    @property
    def traceparent(self) -> str | None:
        """W3C trace context of the message."""
        return self.message.traceparent

    @property
    def extensions(self) -> dict[str, Any]:
        """CloudEvents extension attributes that Trunkline itself does not use."""
        return modes.extensions(self._raw, self._headers) if self._raw or self._headers else {}

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the caller stops waiting; None where nobody waits."""
        if self._deadline is None:
            return None
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    @property
    def key(self) -> claims.Key | None:
        """What `claim` writes, and what a store remembers; None for calls."""
        return self._key() if self._key is not None else None

    async def claim(self, connection: Any) -> None:
        """Mark this message as handled in your own database, in the transaction that holds its effect.

        Do it first; commit when the effect is written. Then both happened or
        neither, whatever dies: the effect is done exactly once. `connection`
        is one of aiosqlite, asyncpg, SQLAlchemy or sqlite3, in a transaction;
        the table is `trunkline.claims.TABLE`.

        Raises:
            HandledBeforeError: an earlier delivery did the work. Let it pass.
            ClaimInvalidError: this connection cannot make claim and effect one.
        """
        await claims.claim(self.key, connection)

    def claim_sync(self, connection: Any) -> None:
        """Like `claim`, for a plain `def` handler with a synchronous connection."""
        claims.claim_sync(self.key, connection)

    async def progress(self, fraction: float, message: str = "") -> None:
        """Tell the caller how far this is: `fraction` from 0 to 1. Without a caller it does nothing."""
        if self._task is not None and self._report is None:
            await self._task.progress(fraction, message)
        elif self._report is not None:
            await self._report(Progress(fraction=fraction, message=message))

    async def publish(self, event_type: str, data: Any = None, **options: Any) -> Ack:
        """Publish an event caused by this message; see `Client.publish`."""
        return await self.client.publish(event_type, data, **options)

    async def enqueue(self, queue: str, data: Any = None, **options: Any) -> Ack:
        """Enqueue work caused by this message; see `Client.enqueue`."""
        return await self.client.enqueue(queue, data, **options)

    async def call(self, skill: str, input: Any = None, **options: Any) -> Any:  # noqa: A002 -- the A2A word
        """Call a skill on behalf of this message; see `Client.call`. It waits no longer than this message's own caller."""
        remaining_s = self.remaining_s
        if remaining_s is not None:
            options["timeout_s"] = min(options.get("timeout_s", CALL_TIMEOUT_S), remaining_s)
        return await self.client.call(skill, input, **options)


def enter(message: ce.Envelope) -> None:
    """Make `message` the cause of what this task sends from now on."""
    current_message.set(message)
    current_traceparent.set(message.traceparent)


def link(message: ce.Envelope, correlation_id: str | None) -> ce.Envelope:
    """Link a message sent from here to the one being handled; an explicit correlation wins."""
    cause = current_message.get()
    if cause is None:
        message.correlationid = correlation_id
    else:
        message.causationid = cause.id
        message.correlationid = correlation_id or cause.correlationid or cause.id
    return message
