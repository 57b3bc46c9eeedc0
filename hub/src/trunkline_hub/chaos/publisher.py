"""The storm's publisher, in a process of its own: sends until acknowledged, and writes down what it was promised."""

import asyncio
import os
import signal
import time
from pathlib import Path

import msgspec

from trunkline.client import Client
from trunkline.protocol.errors import AccessError, QueueFullError, TrunklineError, UnavailableError
from trunkline_hub.chaos.ledger import Ledger
from trunkline_hub.chaos.model import EVENT, LANES, QUEUE, Job, Plan, message_id

_IN_FLIGHT = 256
_RETRY_S = 0.2
_TICK_S = 0.02


async def _publish(plan: Plan) -> None:
    ledger = Ledger(Path(plan.folder) / "ledger")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    slots = asyncio.Semaphore(_IN_FLIGHT)
    async with Client(name="chaos publisher") as client, asyncio.TaskGroup() as group:
        began = time.monotonic()
        for n in range(plan.messages):
            while not stop.is_set() and n > plan.rate * (time.monotonic() - began):
                await asyncio.sleep(_TICK_S)
            await slots.acquire()
            if stop.is_set():
                break
            sending = group.create_task(_send(client, ledger, plan, n, stop))
            sending.add_done_callback(lambda _done: slots.release())


async def _send(client: Client, ledger: Ledger, plan: Plan, n: int, stop: asyncio.Event) -> None:
    """Send message `n` under one id until the broker says that it has it."""
    lane = LANES[n // 2 % 2]
    job, name = Job(n, plan.kind(n)), message_id(LANES[n // 2 % 2], n)
    while not stop.is_set():
        try:
            if lane == "queue":
                await client.enqueue(QUEUE, job, id=name)
            else:
                await client.publish(EVENT, job, id=name)
        except (UnavailableError, QueueFullError, AccessError) as error:  # a hub may be too busy dying to know a token
            ledger.failed(error)
            await asyncio.sleep(_RETRY_S)
        except TrunklineError as error:
            ledger.failed(error)
            return
        else:
            ledger.acknowledged(name)
            return


if __name__ == "__main__":
    asyncio.run(_publish(msgspec.json.decode(os.environ["TRUNKLINE_CHAOS_PLAN"], type=Plan)))
