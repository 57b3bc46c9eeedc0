"""Budgets of requests: spent by whoever is known, told in every answer.

Headers after draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` says
what a principal may do, `RateLimit` how much of it is left.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from trunkline.protocol.errors import RateLimitedError
from trunkline_hub.core.principal import Principal

_STATE_KEY = "trunkline_budget"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How a principal stands after a request."""

    policy: str
    quota: int
    window_s: float
    remaining: int
    reset_s: float
    """Time until all of the quota is there again."""
    retry_after_s: float | None = None
    """Where the request was refused: time until the next one will pass."""

    def headers(self) -> list[tuple[bytes, bytes]]:
        name = f'"{self.policy}"'
        told = {
            "ratelimit-policy": f"{name};q={self.quota};w={math.ceil(self.window_s)}",
            "ratelimit": f"{name};r={self.remaining};t={math.ceil(self.reset_s)}",
        }
        if self.retry_after_s is not None:
            told["retry-after"] = str(max(1, math.ceil(self.retry_after_s)))
        return [(key.encode(), value.encode()) for key, value in told.items()]


class Budgets(Protocol):
    """Counts the requests of principals, on all hubs together."""

    def check(self, operations: set[str]) -> None:
        """Refuse settings that name an operation (`METHOD /path/{template}`) that there is not.

        Raises:
            SettingInvalidError
        """
        ...

    def spend(self, principal: Principal, operation: str) -> Budget | None:
        """Count a request; None where nothing limits it."""
        ...


def spend(connection: ASGIConnection[Any, Any, Any, Any], principal: Principal) -> None:
    """Count a request of a principal that may do it.

    Raises:
        RateLimitedError
    """
    scope = connection.scope
    operation = f"{scope.get('method', 'GET')} {scope.get('path_template', '')}"
    spend_of(scope, connection.app.state.budgets, principal, operation)


def spend_of(scope: Any, budgets: Budgets, principal: Principal, operation: str) -> Budget | None:
    """Count a request once, whichever way it goes, and return how its principal stands.

    Raises:
        RateLimitedError
    """
    if _STATE_KEY not in scope["state"]:
        scope["state"][_STATE_KEY] = budgets.spend(principal, operation)
    budget: Budget | None = scope["state"][_STATE_KEY]
    if budget is not None and budget.retry_after_s is not None:
        raise RateLimitedError(
            f"{budget.quota:,} requests in {budget.window_s:g} s are allowed by the policy {budget.policy!r}"
        )
    return budget


class TellBudget(ASGIMiddleware):
    """Adds to each answer what is left."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        async def telling(message: Message) -> None:
            budget = scope["state"].get(_STATE_KEY)
            if budget is not None and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *budget.headers()]
            await send(message)

        await next_app(scope, receive, telling)
