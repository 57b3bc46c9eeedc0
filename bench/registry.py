"""The catalogue: how soon 10,000 agents with 100,000 skills are found, on SQLite."""

import random
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from bench.rounds import Pace, Result
from bench.servers import Stage
from trunkline.protocol import frames
from trunkline.protocol.resources import SkillMatch
from trunkline_hub.agents import Finder, store
from trunkline_hub.agents.model import Presence
from trunkline_hub.agents.service import wanted_of
from trunkline_hub.core.clock import SystemClock
from trunkline_hub.db import Database
from trunkline_hub.db.migrate import upgrade

_AGENTS, _QUICK_AGENTS, _SKILLS = 10_000, 500, 10
_SHORT_S = 1.0
"""A pace below this is a smoke run."""
_QUERIES = 200
"""Of each kind."""
_PAGE = 20
_LIMITS_MS = {"text": 10.0, "tag": 10.0, "skill": 10.0, "schema": 150.0}
_VERBS = [
    "create",
    "read",
    "update",
    "delete",
    "search",
    "summarize",
    "translate",
    "classify",
    "extract",
    "convert",
    "validate",
    "send",
    "fetch",
    "approve",
]
_NOUNS = [
    "invoice",
    "order",
    "customer",
    "ticket",
    "report",
    "email",
    "document",
    "image",
    "video",
    "contract",
    "payment",
    "shipment",
    "meeting",
    "claim",
]
_KINDS = [
    "weekly",
    "german",
    "legal",
    "medical",
    "urgent",
    "public",
    "private",
    "large",
    "annual",
    "draft",
    "final",
    "signed",
    "scanned",
    "partial",
]
_TAGS = [f"tag-{number}" for number in range(200)]
_PROPERTIES = [f"{kind}_{noun}" for kind in _KINDS for noun in _NOUNS]
_VALUES: dict[str, Any] = {"string": "x", "integer": 1, "number": 1.5, "boolean": True}
_WORKSPACE = "default"


class _Sample:
    """A believable catalogue, and questions about it."""

    def __init__(self, agents: int) -> None:
        self.random = random.Random(7)
        self.skills: list[frames.Skill] = []
        self.agents = agents

    def row(self, number: int) -> dict[str, Any]:
        skills = [self._skill(f"{number}-{place}") for place in range(_SKILLS)]
        self.skills += skills
        return {
            "workspace_id": _WORKSPACE, "name": f"agent-{number:05}", "owner": "bench", "version": f"1.{number % 10}.0",
            "description": f"An agent for every {self.random.choice(_NOUNS)}.", "skills": msgspec.to_builtins(skills),
            "readers": [], "publishes": [], "labels": {"team": f"team-{number % 50}"}, "interfaces": [], "limits": None,
        }  # fmt: skip

    def _skill(self, mark: str) -> frames.Skill:
        chance = self.random
        verb, kind, noun = chance.choice(_VERBS), chance.choice(_KINDS), chance.choice(_NOUNS)
        return frames.Skill(
            name=f"{verb}-{kind}-{noun}-{mark}", tags=chance.sample(_TAGS, 3),
            description=f"This skill can {verb} any {kind} {noun} of a {chance.choice(_KINDS)} {chance.choice(_NOUNS)}.",
            input_schema=self._schema(), output_schema=self._schema(),
        )  # fmt: skip

    def _schema(self) -> dict[str, Any]:
        names = self.random.sample(_PROPERTIES, self.random.randint(1, 5))
        return {
            "type": "object", "required": names[: self.random.randint(0, len(names))],
            "properties": {name: {"type": self.random.choice(list(_VALUES))} for name in names},
            "additionalProperties": self.random.random() < 0.5,
        }  # fmt: skip

    def words(self) -> str:
        pools = self.random.choices([_VERBS, _NOUNS, _KINDS], k=self.random.randint(1, 4))
        return " ".join(self.random.choice(pool) for pool in pools)

    def value(self) -> dict[str, Any]:
        schema = self.random.choice(self.skills).input_schema or {}
        return {name: _VALUES[part["type"]] for name, part in schema["properties"].items()}

    def questions(self, finder: Finder) -> dict[str, Callable[[], Awaitable[object]]]:
        """Return, by kind of question, what asks it at random."""

        async def ask(**filters: Any) -> None:
            none: dict[str, Any] = dict.fromkeys(("text", "skill", "tag", "version", "protocol", "labels", "origin"))
            wanted = wanted_of(**none | filters)
            if self.random.random() < 0.5:
                await finder.agents(_WORKSPACE, wanted, state=None, cursor=None, limit=_PAGE)
            else:
                await finder.skills(_WORKSPACE, wanted, state=None, cursor=None, limit=_PAGE)

        return {
            "text": lambda: ask(text=self.words()),
            "tag": lambda: ask(tag=self.random.choice(_TAGS)),
            "skill": lambda: ask(skill=self.random.choice(self.skills).name),
            "schema": lambda: finder.match(_WORKSPACE, SkillMatch(input=self.value(), limit=_PAGE)),
        }


async def registry_search_ms(stage: Stage, pace: Pace) -> list[Result]:
    """Questions at random, from the service down to SQL; agents and skills in turn."""
    sample = _Sample(_AGENTS if pace.seconds >= _SHORT_S else _QUICK_AGENTS)
    with TemporaryDirectory(dir=stage.powersafe.data) as folder:
        clock = SystemClock()
        db = Database(f"sqlite:///{Path(folder) / 'hub.db'}", clock)
        await upgrade(db)
        await _fill(db, sample)
        finder = Finder(db, Presence(grace_until=clock.now() + timedelta(seconds=1)))
        began = time.perf_counter()
        await finder.catch_up(_WORKSPACE)
        print(f"  {sample.agents:,} agents, {len(sample.skills):,} skills read in {time.perf_counter() - began:.1f} s")
        found = {kind: [await _timed(ask) for _ in range(_QUERIES)] for kind, ask in sample.questions(finder).items()}
        await db.close()
    return [_result(kind, figures) for kind, figures in found.items()]


async def _fill(db: Database, sample: _Sample) -> None:
    for start in range(0, sample.agents, 500):
        async with db.write() as tx:
            rows = [sample.row(number) for number in range(start, min(start + 500, sample.agents))]
            now = tx.clock.now()
            await tx.execute(store.agents.insert(), [{**row, "registered_at": now, "updated_at": now} for row in rows])
            await store.add_changes(tx, _WORKSPACE, [{"change": "registered", "agent": row["name"]} for row in rows])


async def _timed(ask: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await ask()
    return (time.perf_counter() - began) * 1000


def _result(kind: str, figures: list[float]) -> Result:
    percentiles = quantiles(figures, n=100)
    return Result(
        name=f"registry_search_ms {kind}", ours=percentiles[94], other=_LIMITS_MS[kind], unit="ms", target=1.0, at_most=True,
        against="p95 at the service, SQLite; other is the limit", spread=f"p50 {percentiles[49]:.1f}",
    )  # fmt: skip
