"""Request/reply over the bus, caller's side: one subscription for all replies.

A desk sends and matches; whom to send to, and what to do when that fails, is
decided in `balancing/`.
"""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from nats.aio.msg import Msg

from trunkline.connection import Bus, denied
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import (
    BusUnavailableError,
    MessageTooLargeError,
    Problem,
    TrunklineError,
    from_problem,
)
from trunkline.protocol.ids import new_token
from trunkline.wire import message

_HEADER_RESERVE = 512
_GONE = "503"
OnProgress = Callable[[frames.Progress], None]


class NobodyThereError(Exception):
    """No instance listens for this call; the caller finds out why."""


class Waiting(Protocol):
    """Whoever waits for the reply to one message."""

    subject: str

    def answered(self, msg: Msg) -> None:
        """Take the result in."""

    def refused(self, error: TrunklineError, headers: dict[str, str]) -> None:
        """Take in what the callee answered instead of a result."""

    def failed(self, error: Exception) -> None:
        """No answer will come: nobody is there, the connection broke, or the broker refused the message."""

    def told(self, progress: frames.Progress) -> None:
        """Hear how far it is."""


class Calls:
    """Sends calls and matches their replies."""

    def __init__(self, bus: Bus, workspace: str, principal: str) -> None:
        self.bus = bus
        self.workspace = workspace
        self.principal = principal
        self.is_listening = False
        self._mark = new_token(6)
        """Replies come to this desk alone, though others may call over the same connection."""
        self._waiting: dict[int, Waiting] = {}
        self._next = 0
        bus.on_down.append(self._interrupt)
        bus.on_denied.append(self._refuse)

    async def listen(self) -> None:
        """Listen for replies: from the first call on, since not every token may call."""
        self.is_listening = True
        subject = subjects.reply_filter(self.workspace, self.principal, self._mark)
        await self.bus.listen(subject, self._on_reply)

    def check(self, payload: bytes) -> None:
        """Refuse what cannot be sent now.

        Raises:
            BusUnavailableError, MessageTooLargeError
        """
        if not self.bus.is_up:
            raise BusUnavailableError("The connection to the broker is down")
        if len(payload) + _HEADER_RESERVE > self.bus.max_payload:  # the broker would end the connection
            raise MessageTooLargeError(f"The input has {len(payload):,} bytes")

    def post(self, skill: str, payload: bytes, headers: bytes, waiting: Waiting) -> int:
        """Send to where `waiting` says and return the number under which it waits, until `forget`."""
        self._next += 1
        number = self._next
        self._waiting[number] = waiting
        reply = subjects.reply(self.workspace, skill, self.principal, self._mark, number)
        self.bus.write(message(waiting.subject, payload, reply=reply, headers=headers))
        return number

    def forget(self, number: int) -> None:
        """Wait no longer; what comes late is dropped."""
        self._waiting.pop(number, None)

    def cancel(self, caller: str, skill: str, call_id: str) -> None:
        """Tell whoever works on this call that nobody waits for it."""
        self.bus.write(message(subjects.cancel(self.workspace, caller, skill, call_id), b""))

    def _on_reply(self, msg: Msg) -> None:
        waiting = self._waiting.get(int(msg.subject.rsplit(".", 1)[1]))
        if waiting is None:
            return
        headers = msg.headers or {}
        kind = headers.get(frames.HEADER_KIND)
        if kind == frames.KIND_RESULT:
            waiting.answered(msg)
        elif kind == frames.KIND_PROGRESS:
            waiting.told(msgspec.json.decode(msg.data, type=frames.Progress))
        elif kind == frames.KIND_ERROR:
            waiting.refused(_error(msg.data), headers)
        elif headers.get("Status") == _GONE:
            waiting.failed(NobodyThereError())
        else:
            waiting.answered(msg)

    def _interrupt(self) -> None:
        for waiting in list(self._waiting.values()):
            waiting.failed(BusUnavailableError("The connection to the broker broke during the call"))

    def _refuse(self, kind: str, subject: str) -> None:
        for waiting in list(self._waiting.values()):
            if kind == "publish" and waiting.subject.lower() == subject:
                waiting.failed(denied(kind, subject))


def _error(raw: Any) -> TrunklineError:
    return from_problem(msgspec.json.decode(raw, type=Problem))
