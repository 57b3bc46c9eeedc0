"""Spending, and hearing what others spent."""

import time
from collections.abc import Callable

from trunkline.protocol.errors import SettingInvalidError
from trunkline_hub.core.principal import Principal
from trunkline_hub.limits.model import Bucket, Policy, policy_of
from trunkline_hub.limits.settings import LimitsSettings
from trunkline_hub.web.limits import Budget

TELL_S = 0.1
"""How often hubs tell each other what was spent."""
_PEER_S = 2.0
"""A hub that told nothing for so long spends nothing."""
Key = tuple[str, str, str]
"""(workspace, principal, policy)"""
Spent = tuple[str, str, str, int]
"""The same, and how many requests."""


class RequestBudgets:
    """The budgets of all principals, as this hub knows them; see `web.limits.Budgets`."""

    def __init__(self, settings: LimitsSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._default = policy_of("default", settings.default)
        self._operations = {operation: policy_of(operation, text) for operation, text in settings.operations.items()}
        self._principals = {name: policy_of(name, text) for name, text in settings.principals.items()}
        self._buckets: dict[Key, Bucket] = {}
        self._peers: dict[str, float] = {}

    def check(self, operations: set[str]) -> None:
        """Refuse settings that name an operation that there is not.

        Raises:
            SettingInvalidError
        """
        for unknown in sorted(self._operations.keys() - operations):
            raise SettingInvalidError(f"limits.operations: there is no operation {unknown!r}")

    def spend(self, principal: Principal, operation: str) -> Budget | None:
        """Count a request; None where nothing limits it."""
        policy = self._policy(principal.name, operation)
        if policy is None:
            return None
        key, now = (principal.workspace, principal.name, policy.name), self._now()
        bucket = self._bucket(key, policy, now)
        has_passed = bucket.spend(now)
        return Budget(
            policy=policy.name, quota=policy.quota, window_s=policy.window_s,
            remaining=max(0, int(bucket.left(now) + 1e-9)), reset_s=max(0.0, bucket.due - now),
            retry_after_s=None if has_passed else bucket.wait_s(now, TELL_S),
        )  # fmt: skip

    def told(self) -> list[Spent]:
        """Return what was spent here since the last time; what is paid back is forgotten."""
        now = self._now()
        hubs, spent = self._hubs(now), []
        for key, bucket in [*self._buckets.items()]:
            count = bucket.told(now, hubs)
            if count:
                spent.append((*key, count))
            elif bucket.due <= now:
                del self._buckets[key]
        return spent

    def hear(self, hub: str, spent: list[Spent]) -> None:
        """Take what another hub says was spent there."""
        now = self._now()
        self._peers[hub] = now
        for workspace, principal, name, count in spent:
            policy = self._named(principal, name)
            if policy is not None:
                self._bucket((workspace, principal, name), policy, now).hear(now, count)

    def _bucket(self, key: Key, policy: Policy, now: float) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(policy)
            bucket.told(now, self._hubs(now))
        return bucket

    def _policy(self, principal: str, operation: str) -> Policy | None:
        if operation in self._operations:
            return self._operations[operation]
        return self._principals.get(principal, self._default)

    def _named(self, principal: str, name: str) -> Policy | None:
        return self._operations.get(name) or self._principals.get(principal, self._default)

    def _hubs(self, now: float) -> int:
        """Return how many hubs spend at the moment, this one included."""
        self._peers = {hub: at for hub, at in self._peers.items() if at > now - _PEER_S}
        return 1 + len(self._peers)
