"""The index over the log: how soon it answers over a million events, how fast it reads them."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from bench.payload import ORDER
from bench.rounds import Pace, Result, rate_in_flight
from bench.servers import Server, Stage, serve
from trunkline.protocol import subjects
from trunkline.protocol.ids import new_id
from trunkline_hub.audit import Audit
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.core.clock import SystemClock
from trunkline_hub.core.lookup import Lookup
from trunkline_hub.index import Index, model, store
from trunkline_hub.index.model import Batch
from trunkline_hub.index.service import Index as Service

_EVENTS = 1_000_000
_QUICK_EVENTS = 100_000
_BATCH = 5_000
_SHORT_S = 1.0
"""A pace below this is a smoke run."""
_TYPES = [f"{area}.{noun}.{verb}" for area in ("shop", "stock", "mail") for noun in ("order", "item", "bill", "note")
          for verb in ("made", "changed", "gone", "seen", "paid")]  # fmt: skip
_SENDERS = [f"agent-{number}" for number in range(40)]
_SUBJECTS = 20_000
_DAYS_US = 30 * 86_400_000_000
_QUERIES = 60
"""Of each kind."""
_LIMIT_MS = 50.0
_LIMIT = 50
_FILL = 60_000
_QUICK_FILL = 5_000
_FILL_WIDTH = 2_000
_TIMEOUT_S = 120.0


class _Sample:
    """What was written, to ask for."""

    def __init__(self, count: int) -> None:
        self.random = random.Random(11)
        self.count = count
        self.began_us = model.micros(SystemClock().now()) - _DAYS_US
        self.ids: list[str] = []
        self.correlations: list[str] = []
        self.traces: list[str] = []

    def row(self, part: int, seq: int) -> model.Row:
        """Return the row of an event in a believable log: transactions of ten, popular and rare types and subjects."""
        chance = self.random
        event_id = new_id()
        if seq % 10 == 1 or not self.correlations:
            correlation, trace = None, f"{chance.getrandbits(128):032x}"
            self.correlations.append(event_id)
            self.traces.append(trace)
        else:
            correlation, trace = self.correlations[-1], self.traces[-1]
        cause = self.ids[-1] if correlation else None
        self.ids.append(event_id)
        stored = self.began_us + seq * _DAYS_US // self.count
        return {
            "key": model.key_of(part, seq), "part": part, "id": event_id, "source": "/default/agents/bench",
            "type": _TYPES[min(int(chance.expovariate(0.15)), len(_TYPES) - 1)],
            "sender": _SENDERS[min(int(chance.expovariate(0.2)), len(_SENDERS) - 1)],
            "subject": f"order/{int(chance.paretovariate(0.6)) % _SUBJECTS}" if chance.random() < 0.7 else None,
            "sent_us": stored, "stored_us": stored, "correlation": correlation, "causation": cause, "trace_id": trace,
            "size_bytes": 1024, "is_cloudevent": True, "reader": None, "redrive_of": None, "replay": None,
        }  # fmt: skip

    def kinds(self) -> dict[str, Callable[[], Lookup]]:
        """Return, by kind of question, what asks it at random."""
        chance = self.random

        def span() -> dict[str, object]:
            at = self.began_us + chance.randrange(_DAYS_US)
            return {"since": model.moment(at), "until": model.moment(at + _DAYS_US // 60)}

        def subject() -> str:
            return f"order/{int(chance.paretovariate(0.6)) % _SUBJECTS}"

        def pattern() -> str:
            return chance.choice(["shop.>", "*.order.*", "stock.item.*", "mail.>", "*.*.paid"])

        made: dict[str, Callable[[], Lookup]] = {
            "id": lambda: Lookup(id=chance.choice(self.ids)),
            "correlation": lambda: Lookup(correlation_id=chance.choice(self.correlations)),
            "causation": lambda: Lookup(causation_id=chance.choice(self.ids)),
            "trace": lambda: Lookup(trace_id=chance.choice(self.traces)),
            "type": lambda: Lookup(type=chance.choice(_TYPES)),
            "pattern": lambda: Lookup(type=pattern()),
            "subject": lambda: Lookup(subject=subject()),
            "sender": lambda: Lookup(sender=chance.choice(_SENDERS)),
            "type+subject+night": lambda: Lookup(type=chance.choice(_TYPES), subject=subject(), **span()),  # type: ignore[arg-type]
            "pattern+sender+night": lambda: Lookup(type=pattern(), sender=chance.choice(_SENDERS), **span()),  # type: ignore[arg-type]
            "type+sender": lambda: Lookup(type=chance.choice(_TYPES), sender=chance.choice(_SENDERS)),
            "night": lambda: Lookup(**span()),  # type: ignore[arg-type]
            "nothing there": lambda: Lookup(type=chance.choice(_TYPES), subject="never/heard/of"),
        }
        return made


async def index_query_ms(stage: Stage, pace: Pace) -> list[Result]:
    """Random questions of every kind, both orders, any page; no broker takes part."""
    count = _EVENTS if pace.seconds >= _SHORT_S else _QUICK_EVENTS
    with TemporaryDirectory(dir=stage.powersafe.data) as folder:
        sample = _Sample(count)
        index, filled_s = await _filled(Path(folder) / "index.db", sample)
        taken: dict[str, list[float]] = {}
        for kind, ask in sample.kinds().items():
            taken[kind] = [await _timed(index, ask(), sample) for _ in range(_QUERIES)]
        await index.db.close()
        size = (Path(folder) / "index.db").stat().st_size
    print(f"  {count:,} rows in {filled_s:.0f} s ({count / filled_s:,.0f}/s), {size / count:.0f} bytes each")
    for kind, figures in taken.items():
        p50, p95 = _percentiles(figures)
        print(f"  {kind:<22} p50 {p50:7.2f} ms   p95 {p95:7.2f} ms   worst {max(figures):7.2f} ms")
    p50, p95 = _percentiles([figure for figures in taken.values() for figure in figures])
    return [
        Result(
            name="index_query_ms", ours=p95, other=_LIMIT_MS, unit="ms", target=1.0, at_most=True,
            against=f"p95 of {len(taken)} kinds of query over {count:,} events, SQLite; other is the limit",
            spread=f"p50 {p50:.1f}",
        )
    ]  # fmt: skip


async def index_rate(stage: Stage, pace: Pace) -> list[Result]:
    """Events that a hub indexes from a log that is there already, against pulling them and no more."""
    count = _FILL if pace.seconds >= _SHORT_S else _QUICK_FILL
    async with serve(stage.powersafe.data / "index-rate", "2m") as server, server.client() as client:

        async def fill() -> object:
            return await client.publish("bench.index", ORDER)

        await rate_in_flight(fill, count, _FILL_WIDTH)
        rates: list[float] = []
        for _ in range(min(pace.rounds, 3)):
            while (await client.index.status()).state != "following":
                await asyncio.sleep(0.1)
            await client.index.rebuild()
            rates.append(await _rebuilt(client.index.status, count))
        pulled = await _pull(server, count)
    against = "fetch(500) of the same events, no decoding, by one process (informative)"
    ours = sorted(rates)[len(rates) // 2]
    return [Result(name="index_rate", ours=ours, other=pulled, unit="/s", target=0.2, against=against)]


async def _filled(file: Path, sample: _Sample) -> tuple[Service, float]:
    """Write the rows in batches as the indexer does; returns the index and how long that took."""
    clock = SystemClock()
    db = store.database(f"sqlite:///{file}", clock)
    await db.open()
    began = time.perf_counter()
    async with db.write() as tx:
        part = await store.add_part(tx, "default", store.LIVE)
        await store.add_position(tx, part, "events", seq=sample.count, target=0, born="")
    for first in range(1, sample.count + 1, _BATCH):
        rows = [sample.row(part, seq) for seq in range(first, min(first + _BATCH, sample.count + 1))]
        async with db.write() as tx:
            await store.write(tx, part, Batch(events=rows), sqlite=True)
    nobody = _Nobody()
    index = Index(HubBus(BusSettings(), hub_id="bench"), db, clock, Audit(), nobody, nobody)
    return index, time.perf_counter() - began


class _Nobody:
    async def fates(self, *_: object) -> dict[int, object]:  # noqa: PLR6301
        return {}

    async def waits(self, *_: object) -> dict[int, object]:  # noqa: PLR6301
        return {}


async def _timed(index: Service, wanted: Lookup, sample: _Sample) -> float:
    newest = sample.random.random() < 0.5
    page = sample.random.random() < 0.3
    at = sample.random.randrange(1, sample.count) if page else None
    began = time.perf_counter()
    found = await index.find(
        "default", wanted, after=at if at and not newest else 0, before=at if newest else None, newest=newest,
        limit=_LIMIT,
    )  # fmt: skip
    taken = (time.perf_counter() - began) * 1000
    assert found is not None
    return taken


async def _rebuilt(status: Callable[[], Awaitable[object]], count: int) -> float:
    """Return events per second from the first one read again to the end of a rebuild."""
    began = time.perf_counter()
    async with asyncio.timeout(_TIMEOUT_S):
        while True:
            now = await status()
            if now.progress is None or now.progress >= 1:  # type: ignore[attr-defined]
                return count / (time.perf_counter() - began)
            if now.progress == 0:  # type: ignore[attr-defined]
                began = time.perf_counter()
            await asyncio.sleep(0.02)


async def _pull(server: Server, count: int) -> float:
    async with _raw_consumer(server) as fetch:
        began, left = time.perf_counter(), count
        while left > 0:
            left -= await fetch(min(500, left))
        return count / (time.perf_counter() - began)


@asynccontextmanager
async def _raw_consumer(server: Server) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    async with server.raw() as client:
        subscription = await client.jetstream(timeout=_TIMEOUT_S).pull_subscribe(
            "tl.default.events.>", durable="bench_raw", stream=subjects.events_stream("default")
        )

        async def fetch(most: int) -> int:
            messages = await subscription.fetch(most, timeout=_TIMEOUT_S)
            for message in messages:
                await message.ack()
            return len(messages)

        yield fetch


def _percentiles(figures: list[float]) -> tuple[float, float]:
    cuts = quantiles(figures, n=20)
    return cuts[9], cuts[18]
