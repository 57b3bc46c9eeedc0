"""The governed lane, sender's side: a hub checks each message and answers for its storing.

Slower than the fast lane by the hub's check, and without group commit of the
sender's own; used where the token carries `events:submit` or `queues:submit`
instead of the direct scopes.
"""

import asyncio
import random

import msgspec

from trunkline.connection import Bus
from trunkline.protocol import frames
from trunkline.protocol.errors import BusUnavailableError, MessageTooLargeError, Problem, from_problem
from trunkline.protocol.frames import Ack

ACK_TIMEOUT_S = 5.0
GIVE_UP_S = 30.0
"""Well inside the broker's duplicate window, so that sending again is safe."""
_AT_ONCE = 512
_RETRY_S = 0.25
_HEADER_RESERVE = 512


class Governed:
    """Sends messages through the hubs' gate."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def send(self, subject: str, payload: bytes, headers: dict[str, str]) -> Ack:
        """Have a hub check and store one message.

        Raises:
            MessageTooLargeError
            BusUnavailableError: no hub answered for `GIVE_UP_S`; sending again with the same id is safe.
            TrunklineError: what the hub refused it for; nothing was stored.
        """
        if len(payload) + _HEADER_RESERVE > self._bus.max_payload:
            raise MessageTooLargeError(
                f"The message has {len(payload):,} bytes; the broker takes {self._bus.max_payload:,}"
            )
        async with self._slots:
            deadline = asyncio.get_running_loop().time() + GIVE_UP_S
            while True:
                try:
                    return await self._ask(subject, payload, headers)
                except BusUnavailableError:
                    if asyncio.get_running_loop().time() >= deadline:
                        raise
                    await asyncio.sleep(_RETRY_S * random.uniform(0.5, 1.5))

    async def _ask(self, subject: str, payload: bytes, headers: dict[str, str]) -> Ack:
        answer = await self._bus.request(subject, payload, headers=headers, timeout_s=ACK_TIMEOUT_S)
        if (answer.headers or {}).get(frames.HEADER_KIND) == frames.KIND_ERROR:
            raise from_problem(msgspec.json.decode(answer.data, type=Problem))
        return msgspec.json.decode(answer.data, type=Ack)
