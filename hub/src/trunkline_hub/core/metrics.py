"""What is shown to metrics, and what the HTTP edge needs of them."""

from collections.abc import Callable, Iterable
from typing import Protocol

Gauge = tuple[str, str, dict[str, str], float]
"""Name, help, labels, value."""
Gauges = Callable[[], Iterable[Gauge]]
"""Asked at each scrape."""


class RequestMetrics(Protocol):
    """Counts requests and renders everything counted."""

    content_type: str

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None: ...

    def render(self) -> bytes: ...
