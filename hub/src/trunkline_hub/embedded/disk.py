"""After a full disk: the broker takes nothing in until it is started anew, so that is done when there is space.

A `nats-server` that met a write error keeps the stream as it is, safe and
readable, and refuses more until its next start, whatever is freed meanwhile.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from trunkline_hub.embedded.child import Child

_WORDS = b"critical write error"
_LOOK_S = 1.0
_ENOUGH_BYTES = 16 * 2**20
_PAUSE_S = 5.0
"""Between two restarts: there may be less space than it seems."""


class DiskWatch:
    """Reads the broker's log for write errors, and restarts the broker when its disk has space again."""

    def __init__(self, broker: Child, log: Path, say: Callable[[str], None]) -> None:
        self._broker = broker
        self._log = log
        self._say = say
        self._read = log.stat().st_size if log.exists() else 0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self._met_an_error():
                continue
            self._say("The disk is full: the broker takes nothing in until there is space again")
            while shutil.disk_usage(self._log.parent).free < _ENOUGH_BYTES:
                await asyncio.sleep(_LOOK_S)
            self._say("There is space again; starting the broker anew")
            if self._broker.pid is not None:
                os.kill(self._broker.pid, signal.SIGTERM)
            await asyncio.sleep(_PAUSE_S)

    def _met_an_error(self) -> bool:
        """Whether the log has grown by a write error since the last look."""
        try:
            size = self._log.stat().st_size
            if size < self._read:  # rotated
                self._read = 0
            if size == self._read:
                return False
            with self._log.open("rb") as log:
                log.seek(self._read)
                grown = log.read(size - self._read)
        except FileNotFoundError:
            return False
        self._read += len(grown)
        return _WORDS in grown
