"""Whether instances still hear: probes out, dropped connections in, and what one hub found told to the others."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import ClassVar, Literal

import msgspec
import nats.errors
from nats.aio.msg import Msg

from trunkline.connection import Bus, Dial
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import BusUnavailableError
from trunkline.wire import header_lines, message
from trunkline_hub.bus.connection import HubBus, open_patiently
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.core.component import Component

_NOBODY = "503"
_AGENT = "agent "

Heard = Literal["nobody", "sent"]
Dropped = Callable[[str, str, str], Awaitable[None]]
"""(agent, instance, reason): a connection of that name is gone."""


class _Client(msgspec.Struct):
    name: str = ""


class _Disconnect(msgspec.Struct):
    client: _Client = msgspec.field(default_factory=_Client)
    reason: str = ""


async def is_listened(bus: HubBus, workspace: str, agent: str, instance: str, *, timeout_s: float) -> bool | None:
    """Ask the broker whether anybody listens as this instance: False at once if not, None if that cannot be known."""
    subject = subjects.probe(workspace, agent, instance)
    try:
        await bus.bus.client.request(subject, timeout=timeout_s, headers={frames.HEADER_PROBE: "present"})
    except nats.errors.NoRespondersError:
        return False
    except TimeoutError:  # it answers by a heartbeat, never here
        return True
    except (nats.errors.Error, OSError):
        return None
    return True


def probe(bus: HubBus, workspace: str, agent: str, instance: str, probe_id: str) -> None:
    """Ask an instance to beat at once."""
    headers = header_lines({frames.HEADER_PROBE: probe_id})
    bus.bus.write(message(subjects.probe(workspace, agent, instance), b"", headers=headers))


def probe_skill(bus: HubBus, workspace: str, agent: str, instance: str, skill: str, probe_id: str) -> None:
    """Ask the same the way a call of a skill comes."""
    headers = header_lines({frames.HEADER_PROBE: probe_id})
    subject = subjects.call(workspace, subjects.HUB, skill, agent, instance)
    reply = subjects.reply(workspace, skill, subjects.HUB, "probe", 0)  # a call without an address is none
    bus.bus.write(message(subject, b"", reply=reply, headers=headers))


class Disconnects(Component):
    """Hears from the broker's system account which agent's connection is gone; without one, leases tell later."""

    name: ClassVar[str] = "disconnects"

    def __init__(self, settings: BusSettings, dropped: Dropped, *, hub_id: str) -> None:
        super().__init__()
        self._subject = f"$SYS.ACCOUNT.{settings.account}.DISCONNECT"
        self._dropped = dropped
        self._enabled = bool(settings.sys_password.get_secret_value())
        self._bus = Bus(
            Dial(
                urls=settings.urls, name=f"disconnects {hub_id}", inbox_prefix="_INBOX", user=settings.sys_user,
                password=settings.sys_password.get_secret_value(),
            )
        )  # fmt: skip

    async def run(self) -> None:
        if self._enabled:
            await open_patiently(self._bus)
            await self._bus.subscribe(self._subject, self._on_disconnect)
            with contextlib.suppress(BusUnavailableError):
                await self._bus.flush()
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await self._bus.close()

    async def _on_disconnect(self, msg: Msg) -> None:
        try:
            event = msgspec.json.decode(msg.data, type=_Disconnect)
        except msgspec.DecodeError:
            return
        named, _, instance = event.client.name.removeprefix(_AGENT).partition(" ")
        if event.client.name.startswith(_AGENT) and instance:
            await self._dropped(named, instance, event.reason)
