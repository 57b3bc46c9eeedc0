"""What conditions and routes cost for each message. Compared with the limits we set ourselves."""

import time
from collections.abc import Callable
from statistics import median

from bench.rounds import Pace, Result
from bench.servers import Stage
from trunkline.delivery import Delivery
from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.resources import Condition, RouteDeclaration, RouteMatch, RouteTarget
from trunkline_hub.core.filters import Facts, Filter
from trunkline_hub.routes.events import facts_of
from trunkline_hub.routes.model import Table, compiled

LIMIT_FILTER_US = 1.0
LIMIT_ROUTE_US = 50.0
_ROUTES = 1000
_DATA = b'{"total":150,"customer":{"country":"FR","name":"Ada"},"lines":[{"sku":"a","n":2}],"note":"%s"}' % (b"x" * 700)
_MATCH = RouteMatch(
    types=["order.*"], sources=["/shop/*"],
    data=[Condition(path="/total", op=">", value=100), Condition(path="/customer/country", op="in", value=["DE", "FR"])],
)  # fmt: skip


async def filter_us(_servers: Stage, pace: Pace) -> list[Result]:
    """One filter of four conditions on a decoded event of 1 KB that it takes."""
    message = _event()
    facts = Facts(
        type=message.type, source=message.source, sender="web", subject=message.subject,
        data={"total": 150, "customer": {"country": "FR", "name": "Ada"}, "note": "x" * 700},
    )  # fmt: skip
    chosen = Filter(_MATCH)
    assert chosen.matches(facts)
    return [_result("filter_us", lambda: chosen.matches(facts), LIMIT_FILTER_US, pace)]


async def route_us(_servers: Stage, pace: Pace) -> list[Result]:
    """From stored bytes of 1 KB to the decision, among a thousand routes of which ten take the type."""
    routes = [
        compiled(
            f"r{n}",
            RouteDeclaration(
                targets=[RouteTarget(queue=f"q{n}")],
                match=_MATCH if n % 100 == 0 else RouteMatch(types=[f"kind{n}.*"]),
            ),
        )
        for n in range(_ROUTES)
    ]
    table = Table(routes)
    payload = ce.encode(_event())
    subject = subjects.event("default", "web", "order.created")
    delivery = Delivery(None, subject, "", payload, {}, 1, 1, 0.0)  # type: ignore[arg-type]  # nothing is settled

    def decide() -> int:
        message = ce.decode(delivery.payload)
        candidates = table.candidates(message.type)
        return len(table.decide(facts_of(message, delivery, candidates), message.id, candidates))

    assert decide() == _ROUTES // 100
    return [_result("route_us", decide, LIMIT_ROUTE_US, pace)]


def _result(name: str, work: Callable[[], object], limit: float, pace: Pace) -> Result:
    rounds = [_microseconds(work, pace.seconds / 5) for _ in range(max(3, pace.rounds))]
    return Result(name=name, ours=median(rounds), other=limit, against="limit", unit="us", target=1.0, at_most=True)


def _microseconds(work: Callable[[], object], seconds: float) -> float:
    count, block, began = 0, 1000, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        for _ in range(block):
            work()
        count += block
    return taken / count * 1e6


def _event() -> ce.Envelope:
    return ce.new_envelope(type="order.created", source="/shop/berlin", subject="order/7", data=_DATA)
