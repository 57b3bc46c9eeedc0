"""The arithmetic of limits: GCRA, the leaky bucket told by one moment. Pure.

A bucket holds `due`, the moment at which all that was spent is paid back by
the passing of time. Hubs spend from one bucket each and tell each other how
much; what another spent moves `due` as if it had been spent here. Between two
tellings a hub spends at most its share of what was left, so that several at
once do not overdraw.
"""

import math
import re
from dataclasses import dataclass

from trunkline.protocol.errors import SettingInvalidError

_LIMIT = re.compile(r"(\d{1,9})/(\d{1,6}(?:\.\d{1,3})?)")


@dataclass(frozen=True)
class Policy:
    """So many requests at once, and so many in every window."""

    name: str
    quota: int
    window_s: float

    @property
    def each_s(self) -> float:
        """Time in which one request is paid back."""
        return self.window_s / self.quota


def policy_of(name: str, text: str) -> Policy | None:
    """Read `N/S`; nothing for an empty text.

    Raises:
        SettingInvalidError
    """
    if not text:
        return None
    found = _LIMIT.fullmatch(text)
    if found is None or int(found[1]) < 1 or float(found[2]) <= 0:
        raise SettingInvalidError(f"limits: {text!r} is no limit; `600/60` is 600 requests in 60 seconds")
    return Policy(name, int(found[1]), float(found[2]))


class Bucket:
    """What one principal has spent of one policy."""

    __slots__ = ("due", "policy", "share", "untold")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.due = 0.0
        self.untold = 0
        """Spent here since the others were told."""
        self.share = math.inf
        """Of that, how much may be spent until they are told again."""

    def left(self, now: float) -> float:
        """Return how many requests would pass now."""
        return self.policy.quota - max(0.0, self.due - now) / self.policy.each_s

    def spend(self, now: float) -> bool:
        """Take one request, if one is left."""
        if self.left(now) < 1 - 1e-9 or self.untold >= self.share:
            return False
        self.due = max(self.due, now) + self.policy.each_s
        self.untold += 1
        return True

    def hear(self, now: float, spent: int) -> None:
        """Take what was spent elsewhere."""
        self.due = max(self.due, now) + spent * self.policy.each_s

    def told(self, now: float, hubs: int) -> int:
        """Return what the others are to be told, and begin the next share."""
        spent, self.untold = self.untold, 0
        self.share = math.inf if hubs == 1 else max(1, math.ceil(self.left(now) / hubs))
        return spent

    def wait_s(self, now: float, told_every_s: float) -> float:
        """Return when the next request will pass."""
        missing = 1 - self.left(now)
        return missing * self.policy.each_s if missing > 0 else told_every_s
