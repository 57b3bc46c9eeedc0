"""`Blob`: a payload of any size, as a stream."""

import asyncio
import mimetypes
from collections.abc import AsyncIterable, AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self

from trunkline.protocol import media

CHUNK_BYTES = 256 * 1024

Open = Callable[[], AsyncIterator[bytes]]


class Blob:
    """Bytes that need not fit into memory. Send one as `data`, or annotate a handler's payload with it.

    A handler's blob is read while the handler runs: `async for chunk in blob`,
    `await blob.save(path)` or `await blob.read()`.

    Attributes:
        size: number of bytes; None where the source does not tell before its end.
        content_type: media type of the bytes.
    """

    __slots__ = ("_open", "content_type", "size")

    def __init__(self, open_stream: Open, *, content_type: str, size: int | None = None) -> None:
        self._open = open_stream
        self.content_type = content_type
        self.size = size

    @classmethod
    def from_path(cls, path: str | Path, *, content_type: str | None = None) -> Self:
        """Return a file's contents; its type is guessed from its name unless given."""
        file = Path(path)
        guessed = content_type or mimetypes.guess_type(file.name)[0] or media.OCTETS
        return cls(lambda: _read_file(file), content_type=guessed, size=file.stat().st_size)

    @classmethod
    def from_bytes(cls, data: bytes, *, content_type: str = media.OCTETS) -> Self:
        """Return bytes at hand as a blob."""
        return cls(lambda: _pieces(data), content_type=content_type, size=len(data))

    @classmethod
    def from_stream(
        cls, chunks: AsyncIterable[bytes], *, content_type: str = media.OCTETS, size: int | None = None
    ) -> Self:
        """Return what an asynchronous iterator yields as a blob; it can be read as often as the iterator can."""
        return cls(lambda: aiter(chunks), content_type=content_type, size=size)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Read it from the beginning, piece by piece."""
        return self._open()

    async def read(self) -> bytes:
        """Return all of it, in memory."""
        return b"".join([chunk async for chunk in self])

    async def save(self, path: str | Path) -> int:
        """Write it to a file, which appears when it is complete; returns the number of bytes."""
        target = Path(path)
        draft = target.with_name(f".{target.name}.part")
        size = 0
        try:
            with draft.open("wb") as file:
                async for chunk in self:
                    size += await asyncio.to_thread(file.write, chunk)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        return size


def blob_of(data: Any, content_type: str | None) -> Blob | None:
    """Return what `data` streams: a blob as it is, an asynchronous iterator of bytes as one; None for any other value."""
    if isinstance(data, Blob):
        return data if content_type is None else Blob(data._open, content_type=content_type, size=data.size)  # noqa: SLF001 -- its own module
    if isinstance(data, AsyncIterable):
        return Blob.from_stream(data, content_type=content_type or media.OCTETS)
    return None


async def _read_file(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as source:
        while chunk := await asyncio.to_thread(source.read, CHUNK_BYTES):
            yield chunk


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]
