"""The storm's workers, in processes of their own: `python -m trunkline_hub.chaos.worker queue|group`."""

import logging
import os
import sys
from pathlib import Path

import msgspec

import trunkline as tl
from trunkline_hub.chaos.ledger import Effects
from trunkline_hub.chaos.model import BROKEN, EVENT, EXIT_ONCE, FLAKY, GROUP, POISON, QUEUE, Job, Plan

CONCURRENCY = 16
RETRY = tl.Retry(max_attempts=6, base_s=0.1, max_s=1.0)
ACK_WAIT_S = 3.0
"""Soon: the work is quick, so who is silent for long is dead."""
_EXIT_CODE = 9


def build(lane: str, plan: Plan) -> tl.Agent:
    """Return the agent whose every effect is written once, by claim and by store."""
    folder = Path(plan.folder)
    effects = Effects(folder / f"effects-{lane}.db")
    agent = tl.Agent(f"chaos-{lane}", version="1.0.0", once=folder / f"handled-{lane}.db")
    options = {"retry": RETRY, "ack_wait_s": ACK_WAIT_S, "concurrency": CONCURRENCY}
    decorate = agent.task(QUEUE, **options) if lane == "queue" else agent.on(EVENT, group=GROUP, **options)  # type: ignore[arg-type]

    @decorate
    async def handle(job: Job, ctx: tl.Context) -> None:
        if ctx.attempt > 1:
            effects.repeated(ctx.id)
        if job.kind == BROKEN:
            raise tl.PermanentError("broken, and will be for ever")
        with effects.transaction() as db:
            await ctx.claim(db)
            db.execute("INSERT INTO effects VALUES (?)", (ctx.id,))
            if job.kind == FLAKY and ctx.attempt == 1:
                raise RuntimeError("not this time")
            if job.kind == POISON or (job.kind == EXIT_ONCE and ctx.attempt == 1):
                os._exit(_EXIT_CODE)

    return agent


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    build(sys.argv[1], msgspec.json.decode(os.environ["TRUNKLINE_CHAOS_PLAN"], type=Plan)).run()
