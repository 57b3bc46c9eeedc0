"""What is sent, what may happen to it, and how the books are balanced. Pure."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

QUEUE = "chaos"
GROUP = "chaos"
EVENT = "chaos.happened"
LANES = ("queue", "group")

OK, FLAKY, BROKEN, EXIT_ONCE, POISON = "ok", "flaky", "broken", "exit_once", "poison"
_SHARES = ((FLAKY, 0.02), (BROKEN, 0.003))
"""Of messages that do not simply work; those that end the process are counted by the storm's length."""
EXITS_EVERY_S = 12.0
POISON_EVERY_S = 30.0


class Job(msgspec.Struct):
    """A message's payload: its number and what it does to its handler."""

    n: int
    kind: str


class Plan(msgspec.Struct, kw_only=True):
    """What the processes of one storm are told."""

    folder: str
    seed: int
    messages: int
    rate: float
    seconds: float

    def kind(self, n: int) -> str:
        """Return what message `n` does; the same for every process that asks."""
        dice = random.Random(f"{self.seed}:{n}")  # noqa: S311 -- a die, not a secret
        share = self._share(EXITS_EVERY_S) if n % 2 else self._share(POISON_EVERY_S)
        if dice.random() < share:
            return EXIT_ONCE if n % 2 else POISON
        throw = dice.random()
        for kind, part in _SHARES:
            if throw < part:
                return kind
            throw -= part
        return OK

    def _share(self, every_s: float) -> float:
        """Return the share that makes one such message every `every_s` seconds, of half of all messages."""
        return 2 * self.seconds / every_s / max(1, self.messages)


def message_id(lane: str, n: int) -> str:
    return f"{lane[0]}-{n}"


class Report(msgspec.Struct, kw_only=True):
    """The result; `lost` and `doubled` must be 0."""

    acknowledged: int
    handled: int
    """Acknowledged messages whose effect is there."""
    dead: int
    """Acknowledged messages without effect that lie in the dead letters."""
    lost: int
    """Acknowledged messages that are neither."""
    doubled: int
    """Messages whose effect is there more than once."""
    faults: int
    ok: bool
    redelivered: int
    """Attempts after a message's first."""
    retried: int
    """Failed attempts on record."""
    unacknowledged: int
    """Published without an answer until the end; free to be handled or not."""
    handled_and_dead: int
    """The effect was written, but the worker never came to say so."""
    publish_errors: dict[str, int]
    dead_by_reason: dict[str, int]
    faults_by_kind: dict[str, int]
    skipped: dict[str, str]
    """Faults that this machine cannot make, and why."""
    nodes: int
    rounds: int
    seed: int
    seconds: float
    messages_per_s: float
    lost_ids: list[str]
    doubled_ids: list[str]
    kept: str = ""
    """Where everything still lies, when something was wrong."""


class Books(msgspec.Struct, kw_only=True):
    """What was found: acknowledged ids, effects by id, dead letters' reasons by id."""

    acknowledged: set[str]
    effects: dict[str, int]
    dead: dict[str, str]

    def missing(self) -> set[str]:
        """Return the acknowledged messages that are neither handled nor dead."""
        return self.acknowledged - self.effects.keys() - self.dead.keys()

    def doubled(self) -> list[str]:
        return sorted(one for one, times in self.effects.items() if times > 1)

    def handled(self) -> int:
        return len(self.acknowledged & self.effects.keys())

    def died(self) -> set[str]:
        return (self.acknowledged & self.dead.keys()) - self.effects.keys()


def tally(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def bag(kinds: Mapping[str, object], dice: random.Random) -> Iterable[str]:
    """Yield kinds for ever: each comes up once before any comes again, in random order."""
    while True:
        names = sorted(kinds)
        dice.shuffle(names)
        yield from names
