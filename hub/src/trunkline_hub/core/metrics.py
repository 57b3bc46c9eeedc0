"""What the HTTP edge needs of the metrics."""

from typing import Protocol


class RequestMetrics(Protocol):
    """Counts requests and renders everything counted."""

    content_type: str

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None: ...

    def render(self) -> bytes: ...
