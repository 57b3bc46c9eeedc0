"""Which messages a worker process had begun when it died, and which of them is to blame.

A message that ends the process itself (a crash in native code, memory, `_exit`)
cannot be caught by a `try`. Its neighbours die with it, come back with it, and
would die with it again until all of them count as lost. So each process notes
what it has begun in a small mapped file, which survives it. Whoever on this
machine meets a message again looks into the files of the dead:

- what had been begun is a suspect: it runs alone, after everything else, with
  nothing more asked for. Its neighbours are done before it can hurt them.
- what was alone in a process that died, twice, is to blame: it is dead-lettered
  as `worker_lost` without being run again.

Where no such file can be made (or on Windows) the broker's count of deliveries
has to do, as it has to for workers on other machines.
"""

import asyncio
import contextlib
import hashlib
import logging
import mmap
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from trunkline.delivery import Delivery
from trunkline.protocol.ids import new_token

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger("trunkline.blackbox")

BLAMED_AFTER = 2
"""Deaths of a process in which nothing else was at work."""
QUIET_S = 10.0
"""How long a suspect waits for its neighbours to end; then it runs beside them."""
_SLOT = 384
_FORGET_S = 86400.0
_LOOK_S = 0.2

Handle = Callable[[Delivery], Awaitable[None]]


class Suspicion(msgspec.Struct):
    """In how many deaths of its process a message had been begun: with others, and alone."""

    company: int = 0
    alone: int = 0


class BlackBox:
    """Notes what this process has begun, and knows what the dead had begun. One for an agent's process."""

    def __init__(self, folder: Path, slots: int) -> None:
        self._folder = folder
        self._slots = slots
        self._path = folder / f"{new_token(9)}.box"
        self._file: int | None = None
        self._map: mmap.mmap | None = None
        self._free: list[int] = list(range(slots))
        self._looked_at = 0.0
        self._gate = asyncio.Event()
        self._gate.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._turn = asyncio.Lock()

    def open(self) -> bool:
        """Begin to note; False where the machine does not allow it."""
        if fcntl is None:
            return False
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            os.ftruncate(self._file, _SLOT * self._slots)
            self._map = mmap.mmap(self._file, _SLOT * self._slots)
            self._look()
        except OSError as error:
            _log.debug("no black box in %s: %s", self._folder, error)
            self.close()
            return False
        return True

    def close(self) -> None:
        """This process ends in order: nobody is to blame."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None
        if self._map is not None:
            self._map.close()
            self._map = None

    def suspicion(self, mark: bytes) -> Suspicion | None:
        """Return what speaks against a message that comes again, or None."""
        if time.monotonic() - self._looked_at > _LOOK_S:
            with contextlib.suppress(OSError):
                self._look()
        return _read(self._suspect(mark))

    def absolve(self, mark: bytes) -> None:
        """The message has come to its end, or at least did no harm."""
        self._suspect(mark).unlink(missing_ok=True)

    async def run(self, mark: bytes, delivery: Delivery, handle: Handle) -> None:
        """Handle a delivery and note that it is under way."""
        while not self._gate.is_set():
            await self._gate.wait()
        await self._noted(mark, delivery, handle)

    async def run_alone(self, mark: bytes, delivery: Delivery, handle: Handle) -> None:
        """Handle a suspect while nothing else is at work in this process."""
        async with self._turn:
            self._gate.clear()
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(QUIET_S):
                        await self._idle.wait()
                await self._noted(mark, delivery, handle)
            finally:
                self._gate.set()

    async def _noted(self, mark: bytes, delivery: Delivery, handle: Handle) -> None:
        slot = self._free.pop()
        self._idle.clear()
        self._write(slot, mark)
        try:
            await handle(delivery)
        finally:
            self._write(slot, b"")
            self._free.append(slot)
            if len(self._free) == self._slots:
                self._idle.set()

    def _write(self, slot: int, mark: bytes) -> None:
        if self._map is not None:
            start = slot * _SLOT
            self._map[start : start + len(mark) + 1] = mark + b"\0"

    def _look(self) -> None:
        """Take over the notes of processes that are no more: their files are locked by nobody."""
        self._looked_at = time.monotonic()
        for path in self._folder.iterdir():
            if path.suffix == ".box" and path != self._path:
                self._take_over(path)
            elif path.suffix == ".suspect" and time.time() - path.stat().st_mtime > _FORGET_S:
                path.unlink(missing_ok=True)

    def _take_over(self, path: Path) -> None:
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_nlink:
                self._accuse(os.pread(file, os.fstat(file).st_size, 0))
                path.unlink(missing_ok=True)
        except BlockingIOError:
            return
        finally:
            os.close(file)

    def _accuse(self, notes: bytes) -> None:
        slots = (notes[start : start + _SLOT] for start in range(0, len(notes), _SLOT))
        begun = [mark for mark in (slot.split(b"\0", 1)[0] for slot in slots) if mark]
        for mark in begun:
            path = self._suspect(mark)
            against = _read(path) or Suspicion()
            if len(begun) == 1:
                against.alone += 1
            else:
                against.company += 1
            draft = path.with_suffix(f".{new_token(4)}")
            draft.write_bytes(msgspec.json.encode(against))
            draft.replace(path)

    def _suspect(self, mark: bytes) -> Path:
        return self._folder / f"{hashlib.sha256(mark).hexdigest()[:40]}.suspect"


def _read(path: Path) -> Suspicion | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Suspicion)
    except (OSError, msgspec.DecodeError):
        return None
