"""Ends the open connections of a revoked token, through the broker's system account.

Without a system account the token's connections end with their login, within
the hour; new ones are refused at once in any case.
"""

import asyncio
from typing import ClassVar

import msgspec
import structlog
from nats.aio.msg import Msg

from trunkline.connection import Bus, Dial
from trunkline.protocol.errors import BusUnavailableError
from trunkline.wire import message
from trunkline_hub.bus.connection import open_patiently
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.core.component import Component

_log = structlog.get_logger("eviction")
_ANSWERS_S = 1.0
_RETRY_S = 0.5
_LIMIT = 65_536


class _Connection(msgspec.Struct):
    cid: int
    authorized_user: str = ""


class _Connections(msgspec.Struct):
    server_id: str = ""
    connections: list[_Connection] = []


class _Answer(msgspec.Struct):
    data: _Connections | None = None


class Eviction(Component):
    """Knows how to kick: asks every server for the connections of a key, and has them closed."""

    name: ClassVar[str] = "eviction"

    def __init__(self, settings: BusSettings, *, hub_id: str) -> None:
        super().__init__()
        self._wanted: asyncio.Queue[str] = asyncio.Queue()
        self._enabled = bool(settings.sys_password.get_secret_value())
        self._bus = Bus(
            Dial(
                urls=settings.urls,
                name=f"eviction {hub_id}",
                inbox_prefix="_INBOX",
                user=settings.sys_user,
                password=settings.sys_password.get_secret_value(),
            )
        )

    async def run(self) -> None:
        if self._enabled:
            await open_patiently(self._bus)
        self.started.set()
        try:
            while True:
                await self._evict(await self._wanted.get())
        finally:
            await self._bus.close()

    def evict(self, key_id: str) -> None:
        """Have every open connection that came with this key closed, soon."""
        self._wanted.put_nowait(key_id)

    async def _evict(self, key_id: str) -> None:
        """Try until the broker has done it: a connection that is missed would go on for up to an hour."""
        while self._enabled:
            try:
                count = await self._end_all(key_id)
            except BusUnavailableError as error:
                _log.warning("eviction_delayed", key=key_id, error=str(error))
                await asyncio.sleep(_RETRY_S)
            else:
                _log.info("connections_evicted", key=key_id, count=count)
                return
        _log.warning("connections_not_evicted", key=key_id, reason="there is no system account")

    async def _end_all(self, key_id: str) -> int:
        """Close the connections of a key; how many there were.

        Raises:
            BusUnavailableError
        """
        if not self._bus.is_up:
            raise BusUnavailableError("The system account is not connected to the broker")
        found = await self._connections_of(key_id)
        for server, cid in found:
            # A request, since the broker ignores a kick that asks for no answer.
            await self._bus.request(f"$SYS.REQ.SERVER.{server}.KICK", {"cid": cid})
        return len(found)

    async def _connections_of(self, key_id: str) -> list[tuple[str, int]]:
        """Ask every server of the cluster; those that are slower than a second are not waited for.

        Raises:
            BusUnavailableError: none answered.
        """
        found: list[tuple[str, int]] = []
        heard = asyncio.Event()

        async def collect(msg: Msg) -> None:
            heard.set()
            answer = msgspec.json.decode(msg.data, type=_Answer).data
            if answer is not None:
                found.extend((answer.server_id, one.cid) for one in answer.connections if one.authorized_user == key_id)

        inbox = self._bus.client.new_inbox()
        listener = await self._bus.subscribe(inbox, collect)
        ask = msgspec.json.encode({"auth": True, "limit": _LIMIT})
        self._bus.write(message("$SYS.REQ.SERVER.PING.CONNZ", ask, reply=inbox))
        await asyncio.sleep(_ANSWERS_S)
        await self._bus.unsubscribe(listener)
        if not heard.is_set():
            raise BusUnavailableError("No server told its connections")
        return found
