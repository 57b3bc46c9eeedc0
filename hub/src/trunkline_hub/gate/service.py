"""Checking what comes over the governed lane, and passing it on.

The same checks as at the HTTP door: a message that would be refused there is
refused here, before anything is stored, and its sender is told why.
"""

from collections.abc import Mapping

from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.frames import Ack
from trunkline_hub.core.incoming import from_bus
from trunkline_hub.core.principal import Principal
from trunkline_hub.gate.ports import EventLane, QueueLane


class Gate:
    """The governed lane of all workspaces."""

    def __init__(self, events: EventLane, queues: QueueLane) -> None:
        self._events = events
        self._queues = queues

    async def submit(self, subject: str, raw: bytes, headers: Mapping[str, str]) -> Ack:
        """Check one message and store it under the name that the broker pinned into `subject`.

        Raises:
            EnvelopeInvalidError, RequestInvalidError, QueueUnknownError, QueueDrainingError, QueueClassUnknownError,
            QueueFullError, MessageTooLargeError, BusUnavailableError, or what a check says.
        """
        workspace, sender, lane, rest = subjects.gate_parts(subject)
        principal = Principal(name=sender, workspace=workspace, scopes=frozenset(), via="bus", key_id="")
        if lane == "events":
            event = from_bus(raw, headers)
            ce.check_subject_type(event.message, rest)
            return await self._events.publish(principal, workspace, event)
        queue = subjects.untoken(rest)
        return await self._queues.enqueue_event(principal, workspace, queue, from_bus(raw, headers))
