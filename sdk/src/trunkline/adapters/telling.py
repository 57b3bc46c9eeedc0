"""Tells a task's caller what an agent says while it says it: words become the growing result, steps its status."""

import time
from typing import Any

from trunkline.adapters.running import is_on_record
from trunkline.context import Context

RESULT = "result"
_PACE_S = 0.1
_PIECE_CHARS = 2_000


class Teller:
    """Writes one run's words to the artifact `result`, a piece each tenth of a second: each write is one fsync."""

    def __init__(self, context: Context) -> None:
        self.on_record = is_on_record(context)
        self._context = context
        self._written = ""
        self._waiting = ""
        self._wrote_at = 0.0

    async def word(self, text: str) -> None:
        """Add to what is being said."""
        if not self.on_record or not text:
            return
        if self._waiting and (time.monotonic() - self._wrote_at > _PACE_S or len(self._waiting) > _PIECE_CHARS):
            await self._write(self._waiting, last=False)
            self._waiting = ""
        self._waiting += text

    async def step(self, text: str) -> None:
        """Say what is being done; what was said before it was not the result."""
        if self.on_record:
            await self._context.task.status(text)
        else:
            await self._context.progress(0.0, text)
        self.begin()

    def begin(self) -> None:
        """Forget what was said: the next word begins the result anew."""
        self._written = self._waiting = ""

    async def done(self, output: Any) -> Any:
        """Complete the result; returns what the skill has to return, nothing where all of it was told."""
        if not self.on_record or not isinstance(output, str):
            return output
        if self._waiting and self._written + self._waiting == output:
            await self._write(self._waiting, last=True)
        else:
            await self._context.task.artifact(output, id=RESULT, name=RESULT)
        return None

    async def _write(self, piece: str, *, last: bool) -> None:
        await self._context.task.artifact(piece, id=RESULT, name=RESULT, append=bool(self._written), last=last)
        self._written += piece
        self._wrote_at = time.monotonic()
