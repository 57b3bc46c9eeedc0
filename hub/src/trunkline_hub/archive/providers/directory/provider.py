"""A shelf in a directory of the file system."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import quote

from trunkline.protocol.errors import UnavailableError

P = ParamSpec("P")
R = TypeVar("R")
_DRAFT = ".part"


class DirectoryShelf:
    """Files in one folder for each workspace; a draft is renamed once it is on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def names(self, workspace: str) -> list[str]:
        return await self._run(_names, self._folder(workspace))

    async def read(self, workspace: str, name: str) -> bytes | None:
        return await self._run(_read, self._folder(workspace) / name)

    async def put(self, workspace: str, name: str, content: bytes) -> None:
        await self._run(_put, self._folder(workspace) / name, content)

    def _folder(self, workspace: str) -> Path:
        return self._root / quote(workspace, safe="")

    async def _run(self, work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        try:
            return await asyncio.to_thread(work, *arguments, **named)
        except OSError as error:
            raise UnavailableError(f"The archive at {self._root} cannot be used: {error.strerror}") from None


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(file.name for file in folder.iterdir() if not file.name.endswith(_DRAFT))


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _put(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(file.name + _DRAFT)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as writing:
        writing.write(content)
        writing.flush()
        os.fsync(writing.fileno())
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)  # the name itself must survive, too
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
