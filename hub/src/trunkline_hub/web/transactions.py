"""One transaction per request, committed at the edge."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

from litestar import Request

from trunkline_hub.core.transaction import Transactions

_READS = frozenset({"GET", "HEAD"})

AnyRequest = Request[Any, Any, Any]


def provider(db: Transactions) -> Callable[[AnyRequest], AsyncGenerator[Any, None]]:
    """Return the dependency `tx`: committed after the handler, rolled back when it raised.

    A mutating route that wrote no audit row is a programming error and rolls back too.
    """

    async def provide_tx(request: AnyRequest) -> AsyncGenerator[Any, None]:
        if request.method in _READS:
            async with db.read() as tx:
                yield tx
            return
        async with db.write() as tx:
            yield tx
            if request.route_handler.opt.get("audited", True) and not tx.audited:
                raise RuntimeError(f"{request.method} {request.url.path} changed something without an audit row")

    return provide_tx
