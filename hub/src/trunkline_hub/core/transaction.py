"""What the HTTP edge needs of a database: a unit of work to open, commit and roll back."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol


class UnitOfWork(Protocol):
    """One transaction; `audited` once it left a row in the audit trail."""

    audited: bool

    async def lock(self, name: str) -> None:
        """Wait until no other transaction holds the lock of this name; it is held until this one ends."""
        ...


class Transactions(Protocol):
    """Opens units of work. `write` commits when its block ends well."""

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]: ...

    def write(self) -> AbstractAsyncContextManager[UnitOfWork]: ...


@dataclass
class FirstWrite:
    """What is to be done first in the first transaction that writes for a request."""

    work: Callable[[UnitOfWork], Awaitable[None]]
    is_done: bool = False


first_write: ContextVar[FirstWrite | None] = ContextVar("first_write", default=None)
