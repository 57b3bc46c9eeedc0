"""`python -m bench`: measure, print the table, write `bench/out/latest.json`."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import (
    a2a,
    backlog,
    balance,
    call,
    consume,
    http,
    index,
    mcp,
    peers,
    poison,
    publish,
    queues,
    redrive,
    registry,
    replay,
    report,
    routing,
    startup,
)
from bench.rounds import Pace, Result
from bench.servers import Stage, stage

OUT = Path(__file__).parent / "out" / "latest.json"
FULL = Pace(rounds=9, seconds=1.5)
QUICK = Pace(rounds=1, seconds=0.3)

Benchmark = Callable[[Stage, Pace], Awaitable[list[Result]]]

BENCHMARKS: dict[str, Benchmark] = {
    "sdk_publish": publish.sdk_publish,
    "group_commit_fsync": publish.group_commit_fsync,
    "sdk_publish_powersafe": publish.sdk_publish_powersafe,
    "sdk_publish_powersafe_4000": publish.sdk_publish_powersafe_4000,
    "http_publish": http.http_publish,
    "http_publish_batch": http.http_publish_batch,
    "sdk_consume": consume.sdk_consume,
    "sdk_consume_task": consume.sdk_consume_task,
    "ordered_per_key": queues.ordered_per_key,
    "queues_growth": queues.queues_growth,
    "redrive": redrive.redrive,
    "backlog_growth": backlog.backlog_growth,
    "sdk_call_p50": call.sdk_call_p50,
    "balance_p99": balance.balance_p99,
    "mcp_overhead_ms": mcp.mcp_overhead_ms,
    "a2a_overhead_ms": a2a.a2a_overhead_ms,
    "a2a_calls": a2a.a2a_calls,
    "replay": replay.replay,
    "filter_us": routing.filter_us,
    "route_us": routing.route_us,
    "poison": poison.poison,
    "index_query_ms": index.index_query_ms,
    "index_rate": index.index_rate,
    "registry_search_ms": registry.registry_search_ms,
    "start_to_healthy": startup.start_to_healthy,
}


PEERS: dict[str, Benchmark] = {"peers": peers.peers}
"""Asked for by name only: other systems are not there everywhere."""


async def run(names: list[str], pace: Pace, parent: Path | None) -> list[Result]:
    """Measure what was asked for and print it."""
    results: list[Result] = []
    async with stage(parent) as servers:
        fsync_ms = report.fsync_p50_ms(servers.powersafe.data)
        for name in names:
            print(f"{name} ...", flush=True)
            found = await (BENCHMARKS | PEERS)[name](servers, pace)
            print(
                *(report.line(result) for result in found), sep="\n", flush=True
            )  # a run that is ended tells something
            results += found
    report.show(results, fsync_ms=fsync_ms)
    return results


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run of seconds; its figures mean nothing")
    parser.add_argument("--only", choices=BENCHMARKS, action="append", help="run this one alone; may be repeated")
    parser.add_argument("--peers", action="store_true", help="RabbitMQ, Redis Streams and FastStream, where they are")
    parser.add_argument("--rounds", type=int, default=None, help="rounds for each side")
    parser.add_argument("--data", type=Path, default=None, help="parent of the temporary data directory")
    options = parser.parse_args()
    base = QUICK if options.quick else FULL
    pace = Pace(rounds=options.rounds or base.rounds, seconds=base.seconds)
    names = options.only or ([] if options.peers else list(BENCHMARKS))
    results = asyncio.run(run([*names, *(["peers"] if options.peers else [])], pace, options.data))
    report.save(results, OUT)
    print(f"Written to {OUT}")


if __name__ == "__main__":
    main()
