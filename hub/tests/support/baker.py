"""An agent with long work in a process of its own, to be killed: one line on standard output for each thing it does.

python baker.py <hub url> <token> <agent>
"""

import asyncio
import os
import signal
import sys

import trunkline as tl


def main(url: str, token: str, name: str) -> None:
    agent = tl.Agent(name)

    @agent.skill(f"{name}.count", task=True)
    async def count(die_at: int, ctx: tl.Context) -> list[str]:
        done = ctx.task.load(list[str]) or []
        for number in range(len(done), 4):
            if number == die_at and ctx.attempt == 1:
                print("dies", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            done.append(f"{number}.{ctx.attempt}")
            await ctx.task.progress((number + 1) / 4)
            await ctx.task.save(done)
        return done

    @agent.skill(f"{name}.poison", task=True)
    async def poison(ctx: tl.Context) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    @agent.skill(f"{name}.hold", task=True)
    async def hold(ctx: tl.Context) -> str:
        await ctx.task.status("holding")
        await asyncio.sleep(60)
        return "held"

    agent.run(url, token)


if __name__ == "__main__":
    main(*sys.argv[1:])
