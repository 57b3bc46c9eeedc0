"""Unstored messages: heartbeats in, roll calls out, calls on behalf of HTTP callers."""

from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg

from trunkline.calls import Calls, NobodyThereError, OnProgress
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, modes, subjects
from trunkline.wire import message
from trunkline_hub.bus.connection import HubBus

Receive = Callable[[str, bytes], Awaitable[None]]

__all__ = ["HubCalls", "NobodyThereError", "listen", "send", "tell_changed"]


async def listen(bus: HubBus, subject: str, receive: Receive) -> None:
    """Hand (subject, payload) of every message on `subject` to `receive`."""

    async def on_message(msg: Msg) -> None:
        await receive(msg.subject, msg.data)

    await bus.bus.subscribe(subject, on_message)


def send(bus: HubBus, subject: str, payload: bytes = b"") -> None:
    """Send without asking whether anybody listens."""
    bus.bus.write(message(subject, payload))


def tell_changed(bus: HubBus, workspace: str, lane: subjects.Lane, reader: str) -> None:
    """Tell those who send to or read from it that its settings changed; who misses it asks within a minute."""
    send(bus, subjects.changed(workspace, lane, reader))


class HubCalls:
    """Calls skills for those who come over HTTP; the caller's name is pinned by the hub."""

    def __init__(self, bus: HubBus) -> None:
        self._bus = bus
        self._by_workspace: dict[str, Calls] = {}

    async def call(
        self, workspace: str, caller: str, skill: str, agent: str | None, request: ce.Envelope, *, timeout_s: float,
        on_progress: OnProgress | None = None,
    ) -> ce.Envelope:  # fmt: skip
        """Call a skill and return the reply; `on_progress` hears how far it is.

        Raises:
            NobodyThereError: at once, when no instance listens.
            CallTimeoutError, BusUnavailableError, or what the callee answered.
        """
        calls = self._by_workspace.get(workspace)
        if calls is None:
            calls = self._by_workspace[workspace] = Calls(self._bus.bus, workspace, subjects.HUB)
        headers = {"Content-Type": ce.CONTENT_TYPE, frames.HEADER_TIMEOUT: f"{timeout_s:.3f}"}
        subject = subjects.call(workspace, caller, skill, agent)
        answer = await calls.send(
            subject, skill, ce.encode(request), headers, timeout_s=timeout_s, on_progress=on_progress
        )
        return modes.read(answer.data, answer.headers)
