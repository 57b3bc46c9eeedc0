"""One transaction per request, committed at the edge."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

from litestar import Request

from trunkline_hub.core.transaction import Transactions
from trunkline_hub.web.idempotency import claim_of

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
            claim = claim_of(request.scope)
            if claim is not None:
                await request.app.state.claims.carried_out(tx, claim)

    return provide_tx
