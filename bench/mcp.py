"""What the hub adds to an MCP tool call: through it to an agent on the bus, against the library's server called directly."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median

import aiohttp
import msgspec

from bench.payload import ORDER
from bench.responder import SKILL
from bench.rounds import Pace, Pair, Result, rate_in_flight
from bench.servers import Stage, child
from trunkline_hub.embedded.place import free_port

LIMIT_MS = 2.0
_FLOOR = 0.6
_WIDTH = 32
_WARM_UP = 200
_BLOCK = 50
_PER_SECOND = 250
_READY_S = 30.0
_REVISION = "2026-07-28"
_META = {"io.modelcontextprotocol/protocolVersion": _REVISION, "io.modelcontextprotocol/clientCapabilities": {}}

Call = Callable[[], Awaitable[None]]


async def mcp_overhead_ms(stage: Stage, pace: Pace) -> list[Result]:
    """`tools/call` of an echo of 1 KB, one at a time and 32 at once; both sides get the very same kind of request."""
    hub, port = stage.powersafe, free_port()
    agent = [sys.executable, "-m", "bench.responder", hub.url, hub.token, hub.broker_url, hub.broker_password]
    direct = [sys.executable, "-m", "bench.mcp_tool", str(port)]
    async with child(agent) as process, child(direct), aiohttp.ClientSession() as http:
        assert process.stdout is not None
        await process.stdout.readline()
        fields = msgspec.to_builtins(ORDER)
        ours = _caller(http, f"{hub.url}/mcp/w/default", hub.token, fields)
        other = _caller(http, f"http://127.0.0.1:{port}/mcp", "", {"order": fields})
        await _ready(other)
        latency, rates = Pair(ours=[], other=[]), Pair(ours=[], other=[])
        await _latencies(ours, other, _WARM_UP)
        for _ in range(pace.rounds):
            for figures, took in zip(
                (latency.ours, latency.other), await _latencies(ours, other, _count(pace)), strict=True
            ):
                figures.append(took)
            rates.ours.append(await rate_in_flight(ours, _count(pace), _WIDTH))
            rates.other.append(await rate_in_flight(other, _count(pace), _WIDTH))
    over = [a - b for a, b in zip(latency.ours, latency.other, strict=True)]
    print(f"  p50 {median(latency.ours):.2f} ms through the hub, {median(latency.other):.2f} ms directly")
    return [
        Result(
            name="mcp_overhead_ms", ours=max(median(over), 0.0), other=LIMIT_MS, unit="ms", target=1.0, at_most=True,
            against="the limit, over the same tool in an `mcp` server", spread=f"{min(over):.2f}-{max(over):.2f}",
        ),
        rates.result("mcp_calls", against=f"an `mcp` server called directly, {_WIDTH} at once", unit="/s", target=_FLOOR),
    ]  # fmt: skip


def _count(pace: Pace) -> int:
    return max(int(_PER_SECOND * pace.seconds), _BLOCK)


def _caller(http: aiohttp.ClientSession, url: str, token: str, arguments: object) -> Call:
    params = {"name": SKILL, "arguments": arguments, "_meta": _META}
    body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    headers = {
        "Accept": "application/json, text/event-stream", "Content-Type": "application/json",
        "MCP-Protocol-Version": _REVISION, "Mcp-Method": "tools/call", "Mcp-Name": SKILL,
    } | ({"Authorization": f"Bearer {token}"} if token else {})  # fmt: skip

    async def call() -> None:
        async with http.post(url, data=body, headers=headers) as answer:
            found = msgspec.json.decode(await answer.read())
        if found["result"].get("isError") or "structuredContent" not in found["result"]:
            raise RuntimeError(f"{url}: {found}")

    return call


async def _ready(call: Call) -> None:
    async with asyncio.timeout(_READY_S):
        while True:
            try:
                await call()
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
            else:
                return


async def _latencies(ours: Call, other: Call, count: int) -> tuple[float, float]:
    """Return the p50 of each side in milliseconds; they take turns often, so that noise hits both alike."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(0, count, _BLOCK):
        for call, figures in zip((ours, other), taken, strict=True):
            for _ in range(_BLOCK):
                began = time.perf_counter()
                await call()
                figures.append((time.perf_counter() - began) * 1000)
    return median(taken[0]), median(taken[1])
