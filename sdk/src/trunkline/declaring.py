"""A queue as a program declares it: `tl.Queue`, or keyword arguments of `@agent.task`."""

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

import msgspec

from trunkline.protocol.errors import HandlerInvalidError
from trunkline.protocol.frames import RetryPolicy
from trunkline.protocol.queueing import QueueOptions
from trunkline.protocol.resources import QueueDeclaration


class QueueSettings(TypedDict, total=False):
    """Settings of a queue. What is left out stays as it is; 0 or {} switches it off.

    - `max_in_flight`: most messages given out at once, all workers together.
    - `classes`: weight by priority class, `{"high": 4, "low": 1}`; `normal` (weight 1 unless named) always is one.
    - `concurrency_per_key`: most messages of one key at work at once; 1 keeps strict order.
    - `partitions`: keys that can be at work side by side (16), where `concurrency_per_key` is set.
    - `dedupe_window_s`: how long a `dedupe_key` is remembered.
    - `max_messages`, `max_bytes`: a full queue tells its senders so at once.
    - `expires_after_s`: messages that waited longer are dead-lettered, unless they say otherwise.
    """

    max_in_flight: int
    classes: Mapping[str, int]
    concurrency_per_key: int
    partitions: int
    dedupe_window_s: float
    max_messages: int
    max_bytes: int
    expires_after_s: float


class Queue:
    """A queue's name and settings, to be declared: `await client.queues.declare(queue)`, `@agent.task(queue)`.

    Args:
        name: letters, digits, `_`, `.`, `-`.
        retry: when a failed message is tried again.
        ack_wait_s: how soon a dead worker's message goes to another.
        settings: see `QueueSettings`.
    """

    def __init__(
        self,
        name: str,
        *,
        retry: RetryPolicy | None = None,
        ack_wait_s: float | None = None,
        **settings: Unpack[QueueSettings],
    ) -> None:
        self.name = name
        self.retry = retry
        self.ack_wait_s = ack_wait_s
        self.options = queue_options(settings)

    def declaration(self) -> QueueDeclaration:
        """Return what the hub is told."""
        return QueueDeclaration(retry=self.retry, ack_wait_s=self.ack_wait_s, **msgspec.structs.asdict(self.options))


def queue_options(settings: Mapping[str, Any]) -> QueueOptions:
    """Return keyword arguments as options.

    Raises:
        HandlerInvalidError: there is no such setting, or its value is of another kind.
    """
    unknown = sorted(set(settings) - set(QueueOptions.__struct_fields__))
    if unknown:
        raise HandlerInvalidError(f"A queue has no setting {unknown[0]!r}")
    try:
        return msgspec.convert(dict(settings), QueueOptions)
    except msgspec.ValidationError as error:
        raise HandlerInvalidError(f"The queue's settings are wrong: {error}") from None
