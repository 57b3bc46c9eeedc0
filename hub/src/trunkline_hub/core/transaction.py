"""What the HTTP edge needs of a database: a unit of work to open, commit and roll back."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class UnitOfWork(Protocol):
    """One transaction; `audited` once it left a row in the audit trail."""

    audited: bool


class Transactions(Protocol):
    """Opens units of work. `write` commits when its block ends well."""

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]: ...

    def write(self) -> AbstractAsyncContextManager[UnitOfWork]: ...
