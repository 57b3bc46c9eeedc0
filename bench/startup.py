"""How soon `trunkline serve` is ready, and what it occupies when idle. Compared with the limits we set ourselves."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.rounds import Pace, Result
from bench.servers import Stage, child
from trunkline_hub.embedded.place import free_port

LIMIT_START_S = 3.0
LIMIT_RSS_MB = 200.0
_MAX_ROUNDS = 3
_POLL_S = 0.005
_SETTLE_S = 4.0
_TIMEOUT_S = 30.0
_OK = b"HTTP/1.1 200"


async def start_to_healthy(stage: Stage, pace: Pace) -> list[Result]:
    """Start in an empty directory, then again in the same; then look at the memory of the last one."""
    fresh: list[float] = []
    warm: list[float] = []
    rounds = min(pace.rounds, _MAX_ROUNDS)
    for number in range(rounds):
        with tempfile.TemporaryDirectory(dir=stage.default.data.parent, ignore_cleanup_errors=True) as folder:
            data = Path(folder)
            fresh.append((await _start(data))[0])
            settle_s = min(_SETTLE_S, 3 * pace.seconds) if number == rounds - 1 else 0.0
            took_s, memory = await _start(data, settle_s=settle_s)
            warm.append(took_s)
    hub_mb, broker_mb, launcher_mb = memory
    print(f"  idle: hub {hub_mb:.0f} MB, nats-server {broker_mb:.0f} MB; the launcher beside them {launcher_mb:.0f} MB")
    return [
        _against_limit("start_to_healthy_s", median(fresh), "s", LIMIT_START_S),
        _against_limit("start_to_healthy_warm_s", median(warm), "s", LIMIT_START_S),
        _against_limit("idle_rss_mb", hub_mb + broker_mb, "MB", LIMIT_RSS_MB),
    ]


async def _start(data: Path, *, settle_s: float = 0.0) -> tuple[float, tuple[float, float, float]]:
    """Return seconds from spawning to the first 200 on /readyz, and the processes' memory `settle_s` later."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("trunkline")), "serve", "--data", str(data), "--port", str(port)]
    began = time.perf_counter()
    async with child(command) as process, asyncio.timeout(_TIMEOUT_S):
        while not await _is_ready(port):
            await asyncio.sleep(_POLL_S)
        took_s = time.perf_counter() - began
        await asyncio.sleep(settle_s)
        return took_s, _memory_mb(process.pid)


async def _is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return (await reader.readline()).startswith(_OK)
    except OSError:
        return False
    finally:
        writer.close()


def _memory_mb(launcher: int) -> tuple[float, float, float]:
    """Return the resident memory of hub, broker and launcher."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    hub = next(pid for pid, name in names.items() if b"-m\0trunkline_hub\0" in name)
    broker = next(pid for pid, name in names.items() if b"nats-server" in name)
    return _rss_mb(hub), _rss_mb(broker), _rss_mb(str(launcher))


def _rss_mb(pid: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _against_limit(name: str, ours: float, unit: str, limit: float) -> Result:
    return Result(name=name, ours=ours, other=limit, against="the limit", unit=unit, target=1.0, at_most=True)
