"""Leases of what is at work, kept even while the event loop is blocked.

The reader extends leases from the event loop. A handler that blocks the loop
(a plain computation in an `async def`, a library that waits without awaiting)
would lose them, and its message would be run twice. A thread notices that the
loop has fallen silent, connects on its own and extends them until the loop is
back. It costs a sleeping thread; the second connection exists only meanwhile.
"""

import asyncio
import dataclasses
import logging
import threading
import time
from collections.abc import Mapping

from trunkline.connection import Bus, Dial
from trunkline.delivery import Delivery
from trunkline.protocol.errors import TrunklineError
from trunkline.wire import message

_log = logging.getLogger("trunkline.leases")
_RETRY_S = 0.2
_END_S = 1.0
_EXTEND = b"+WPI"


class LeaseGuard:
    """One thread for all readers of a connection."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dataclasses.replace(dial, inbox_prefix=f"{dial.inbox_prefix}.guard")
        self._held: list[Mapping[int, Delivery]] = []
        self._patience_s = 60.0
        self._seen = time.monotonic()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, held: Mapping[int, Delivery], lease_s: float) -> None:
        """Keep the leases of what is `held`, each of `lease_s`, whenever the loop does not."""
        if all(known is not held for known in self._held):
            self._held.append(held)
        self._patience_s = min(self._patience_s, lease_s / 6)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="trunkline-leases", daemon=True)
            self._thread.start()

    def seen(self) -> None:
        """The event loop lives."""
        self._seen = time.monotonic()

    async def close(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _END_S)

    def _run(self) -> None:
        while not self._stopped.wait(self._patience_s / 2):
            if self._is_blocked() and any(self._held):
                _log.warning("the event loop is blocked; its leases are kept from a thread. Use a plain `def` handler")
                try:
                    asyncio.run(self._stand_in())
                except TrunklineError as error:
                    _log.warning("leases could not be kept: %s", error)
                    self._stopped.wait(_RETRY_S)

    def _is_blocked(self) -> bool:
        return time.monotonic() - self._seen > self._patience_s

    async def _stand_in(self) -> None:
        bus = Bus(self._dial)
        try:
            await bus.open()
            while self._is_blocked() and not self._stopped.is_set():
                for held in self._held:
                    for delivery in list(held.values()):
                        if not delivery.settled:
                            bus.write(message(delivery.reply, _EXTEND))
                await bus.flush()
                await asyncio.sleep(self._patience_s)
        finally:
            await bus.close()
