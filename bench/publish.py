"""Acknowledged publishes per second."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.js.api import StreamConfig

from bench.payload import ORDER, RAW
from bench.rounds import Pace, Result, Side, alternate_rates, rate_in_flight
from bench.servers import Server, Stage

_STREAM = "BENCH"
_SUBJECT = "bench.created"
_WIDTH = 512
_WIDE = 4000
_GUESS = 10_000
_GUESS_FSYNC = 2_000


async def sdk_publish(stage: Stage, pace: Pace) -> list[Result]:
    """Both without fsync: what the envelope and the SDK cost."""
    async with _ours(stage.default, _WIDTH) as ours, _other(stage.default, _WIDTH) as other:
        pair = await alternate_rates(ours, other, pace=pace, guess=_GUESS)
    against = f"js.publish, sync 2m both, {_WIDTH} in flight"
    return [pair.result("sdk_publish", against=against, unit="msg/s", target=0.8)]


async def group_commit_fsync(stage: Stage, pace: Pace) -> list[Result]:
    """Both with an fsync before each ack: what group commit gains."""
    async with _ours(stage.powersafe, _WIDTH) as ours, _other(stage.powersafe, _WIDTH) as other:
        pair = await alternate_rates(ours, other, pace=pace, guess=_GUESS_FSYNC)
    against = f"js.publish, sync always both, {_WIDTH} in flight"
    return [pair.result("group_commit_fsync", against=against, unit="msg/s", target=4.0)]


async def sdk_publish_powersafe(stage: Stage, pace: Pace) -> list[Result]:
    """Ours with fsync, the other without: what safety costs."""
    return [await _powersafe(stage, pace, "sdk_publish_powersafe", _WIDTH, target=0.6)]


async def sdk_publish_powersafe_4000(stage: Stage, pace: Pace) -> list[Result]:
    """The same under more load."""
    return [await _powersafe(stage, pace, "sdk_publish_powersafe_4000", _WIDE, target=0.7)]


async def _powersafe(stage: Stage, pace: Pace, name: str, width: int, *, target: float) -> Result:
    async with _ours(stage.powersafe, width) as ours, _other(stage.default, width) as other:
        pair = await alternate_rates(ours, other, pace=pace, guess=_GUESS)
    return pair.result(
        name, against=f"js.publish, ours sync always, theirs 2m, {width} in flight", unit="msg/s", target=target
    )


@asynccontextmanager
async def _ours(server: Server, width: int) -> AsyncIterator[Side]:
    async with server.client() as client:

        async def publish() -> object:
            return await client.publish("bench.created", ORDER)

        async def side(count: int) -> float:
            return await rate_in_flight(publish, count, width)

        yield side


@asynccontextmanager
async def _other(server: Server, width: int) -> AsyncIterator[Side]:
    async with server.raw() as client:
        js = client.jetstream(timeout=60)
        await js.add_stream(StreamConfig(name=_STREAM, subjects=[_SUBJECT]))

        async def publish() -> object:
            return await js.publish(_SUBJECT, RAW)

        async def side(count: int) -> float:
            rate = await rate_in_flight(publish, count, width)
            await js.purge_stream(_STREAM)
            return rate

        try:
            yield side
        finally:
            await js.delete_stream(_STREAM)
