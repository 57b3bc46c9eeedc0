"""The catalogue: how soon 10,000 agents with 100,000 skills are found through the REST API of a running hub, on SQLite."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import msgspec

from bench.rounds import Pace, Result
from bench.servers import Server, Stage, serve
from trunkline.protocol import frames
from trunkline_hub.agents import store
from trunkline_hub.core.clock import SystemClock
from trunkline_hub.db import Database

_AGENTS, _QUICK_AGENTS, _SKILLS = 10_000, 500, 10
_SHORT_S = 1.0
"""A pace below this is a smoke run."""
_QUERIES = 200
"""Of each kind."""
_PAGE = 20
_LIMITS_MS = {"text": 10.0, "tag": 10.0, "skill": 10.0, "input": 150.0, "input schema": 150.0, "output schema": 150.0}
_READY_S = 120.0
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

    def schema(self) -> dict[str, Any]:
        """Return what somebody who has or wants one or two things would ask."""
        chosen = self.random.choice(self.skills).output_schema or {}
        names = list(chosen["properties"])[: self.random.randint(1, 2)]
        properties = {name: chosen["properties"][name] for name in names}
        return {"type": "object", "properties": properties, "required": names[: self.random.randint(0, 2)]}

    def questions(self, ask: "_Asker") -> dict[str, Callable[[], Awaitable[None]]]:
        """Return, by kind of question, what asks it at random."""
        return {
            "text": lambda: ask.find(text=self.words()),
            "tag": lambda: ask.find(tag=self.random.choice(_TAGS)),
            "skill": lambda: ask.find(skill=self.random.choice(self.skills).name),
            "input": lambda: ask.match(input=self.value()),
            "input schema": lambda: ask.match(input_schema=self.schema()),
            "output schema": lambda: ask.match(output_schema=self.schema()),
        }


class _Asker:
    """Asks a hub as any client would; agents and skills in turn."""

    def __init__(self, hub: Server, http: aiohttp.ClientSession) -> None:
        self._url = f"{hub.url}/api/v1/w/{_WORKSPACE}"
        self._http = http
        self._nouns = ("agents", "skills")
        self.incomplete = 0

    async def find(self, **filters: Any) -> None:
        self._nouns = self._nouns[::-1]
        await self._answer(self._http.get(f"{self._url}/{self._nouns[0]}", params=filters | {"limit": _PAGE}))

    async def match(self, **asked: Any) -> None:
        found = await self._answer(self._http.post(f"{self._url}/skills/match", json=asked | {"limit": _PAGE}))
        self.incomplete += not found.get("complete", True)

    async def is_loaded(self) -> bool:
        async with self._http.get(f"{self._url}/skills", params={"limit": 1}) as answer:
            return answer.status == 200

    async def _answer(self, asking: Any) -> dict[str, Any]:
        async with asking as answer:
            body = await answer.read()
            answer.raise_for_status()
        found: dict[str, Any] = msgspec.json.decode(body)
        return found


async def registry_search_ms(_stage: Stage, pace: Pace) -> list[Result]:
    """Questions at random to a hub that was started on a full catalogue."""
    sample = _Sample(_AGENTS if pace.seconds >= _SHORT_S else _QUICK_AGENTS)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "hub"
        async with serve(data, "2m"):
            pass  # it makes the tables
        (data / "context.json").unlink()
        await _fill(data, sample)
        async with serve(data, "2m") as hub, aiohttp.ClientSession(headers=_bearer(hub)) as http:
            ask = _Asker(hub, http)
            await _loaded(ask, sample)
            found = {
                kind: [await _timed(question) for _ in range(_QUERIES)]
                for kind, question in sample.questions(ask).items()
            }
    print(f"  {ask.incomplete} of {3 * _QUERIES} answers about schemas were not complete")
    return [_result(kind, figures) for kind, figures in found.items()]


def _bearer(hub: Server) -> dict[str, str]:
    return {"Authorization": f"Bearer {hub.token}"}


async def _loaded(ask: _Asker, sample: _Sample) -> None:
    began = time.perf_counter()
    async with asyncio.timeout(_READY_S):
        while not await ask.is_loaded():
            await asyncio.sleep(0.2)
    took = time.perf_counter() - began
    print(f"  {sample.agents:,} agents, {len(sample.skills):,} skills: found {took:.1f} s after the hub was up")


async def _fill(data: Path, sample: _Sample) -> None:
    """Write rows as the hub would: registering 10,000 agents one by one is not what is measured."""
    db = Database(f"sqlite:///{data / 'trunkline.db'}", SystemClock())
    for start in range(0, sample.agents, 500):
        async with db.write() as tx:
            rows = [sample.row(number) for number in range(start, min(start + 500, sample.agents))]
            now = tx.clock.now()
            await tx.execute(store.agents.insert(), [{**row, "registered_at": now, "updated_at": now} for row in rows])
            await store.add_changes(tx, _WORKSPACE, [{"change": "registered", "agent": row["name"]} for row in rows])
    await db.close()


async def _timed(ask: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await ask()
    return (time.perf_counter() - began) * 1000


def _result(kind: str, figures: list[float]) -> Result:
    percentiles = quantiles(figures, n=100)
    return Result(
        name=f"registry_search_ms {kind}", ours=percentiles[94], other=_LIMITS_MS[kind], unit="ms", target=1.0, at_most=True,
        against="the limit; p95 of the REST API, SQLite", spread=f"p50 {percentiles[49]:.1f}",
    )  # fmt: skip
