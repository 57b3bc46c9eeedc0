"""Checking what comes over the governed lane, and passing it on.

The same checks as at the HTTP door: a message that would be refused there is
refused here, before anything is stored, and its sender is told why.
"""

from collections.abc import Mapping

from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import EnvelopeInvalidError, FieldError
from trunkline.protocol.frames import Ack
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database
from trunkline_hub.gate.ports import EventLane, QueueLane


class Gate:
    """The governed lane of all workspaces."""

    def __init__(self, db: Database, events: EventLane, queues: QueueLane) -> None:
        self._db = db
        self._events = events
        self._queues = queues

    async def submit(self, subject: str, raw: bytes, headers: Mapping[str, str]) -> Ack:
        """Check one message and store it under the name that the broker pinned into `subject`.

        Raises:
            EnvelopeInvalidError, RequestInvalidError, QueueUnknownError, QueueClassUnknownError, QueueFullError,
            MessageTooLargeError, BusUnavailableError, or what a check says.
        """
        workspace, sender, lane, rest = subjects.gate_parts(subject)
        principal = Principal(name=sender, workspace=workspace, scopes=frozenset(), via="bus", key_id="")
        if lane == "events":
            _check_type(raw, rest)
            return await self._events.publish(principal, workspace, raw)
        return await self._enqueue(principal, workspace, subjects.untoken(rest), raw, headers)

    async def _enqueue(
        self, principal: Principal, workspace: str, queue: str, raw: bytes, headers: Mapping[str, str]
    ) -> Ack:
        message = ce.decode(raw)
        async with self._db.read() as tx:
            await self._queues.require(tx, workspace, queue, message.priority)
        kept = {"Content-Type": headers.get("Content-Type", ce.CONTENT_TYPE)}
        msg_id = f"{principal.name}:{message.id}"
        stored = await self._queues.forward(workspace, principal.name, queue, raw, msg_id=msg_id, headers=kept)
        return Ack(id=message.id, stream=stored.stream, seq=stored.seq, duplicate=stored.duplicate)


def _check_type(raw: bytes, tokens: str) -> None:
    """The subject says what may be sent; the envelope must not say otherwise."""
    event_type = ce.decode(raw).type
    if subjects.type_tokens(event_type) != tokens:
        detail = f"is {event_type!r}, but the message came for {tokens!r}"
        raise EnvelopeInvalidError("The type differs from the subject's", errors=[FieldError("/type", detail)])
