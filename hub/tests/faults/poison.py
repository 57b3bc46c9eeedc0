"""An agent whose poison messages end its process; run with several processes by the tests and `bench`."""

import asyncio
import os
import sys

import msgspec
import trunkline as tl


class Job(msgspec.Struct):
    n: int
    poison: bool = False


def main(queue: str, processes: str, concurrency: str, work_ms: str) -> None:
    agent = tl.Agent(queue, once=os.environ.get("POISON_ONCE"))
    out = os.open(os.environ["POISON_OUT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    @agent.task(queue, concurrency=int(concurrency), ack_wait_s=1.5, retry=tl.Retry(max_attempts=5, base_s=0.1))
    async def work(job: Job) -> None:
        await asyncio.sleep(float(work_ms) / 1000)
        if job.poison:
            os._exit(9)
        os.write(out, b"%d\n" % job.n)

    agent.run(processes=int(processes))


if __name__ == "__main__":
    main(*sys.argv[1:5])
