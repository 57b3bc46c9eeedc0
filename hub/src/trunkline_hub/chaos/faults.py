"""The faults: each is a short story with an end."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from trunkline_hub.chaos.stage import OneNode, Stage, ThreeNodes, hurt
from trunkline_hub.embedded.child import Child

Fault = Callable[[], Awaitable[None]]

_SHORT_S = (0.2, 1.5)
_LONG_S = (4.0, 7.0)
"""Longer than a worker's lease, and than a cluster needs to see that a node is gone."""


def faults_for(stage: Stage, workers: Sequence[Child], dice: random.Random) -> dict[str, Fault]:
    """Return what can be done to this stage, by name."""
    found: dict[str, Fault] = {
        "kill_hub": partial(_kill_hub, stage),
        "kill_worker": partial(_kill_worker, workers, dice),
        "freeze_worker": partial(_freeze_worker, workers, dice),
    }
    if isinstance(stage, OneNode):
        found |= {
            "kill_broker": partial(_signal_broker, stage, signal.SIGKILL),
            "restart_broker": partial(_signal_broker, stage, signal.SIGTERM),
            "freeze_broker": partial(_freeze_broker, stage, dice),
        }
    if isinstance(stage, ThreeNodes):
        found |= {
            "kill_node": partial(_kill_node, stage, dice),
            "kill_all_nodes": partial(_kill_all_nodes, stage),
            "restart_node": partial(_restart_node, stage, dice),
            "freeze_node": partial(_freeze_node, stage, dice),
        }
        if stage.cables is not None:
            found["cut_node"] = partial(_cut_node, stage, dice)
    return found


async def _kill_hub(stage: Stage) -> None:
    hurt(stage.hub_pid(), signal.SIGKILL)


async def _kill_worker(workers: Sequence[Child], dice: random.Random) -> None:
    hurt(dice.choice(workers).pid, signal.SIGKILL)


async def _freeze_worker(workers: Sequence[Child], dice: random.Random) -> None:
    """Its leases run out, another takes its work, then it wakes up and goes on as if nothing had happened."""
    pid = dice.choice(workers).pid
    hurt(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(dice.uniform(*_LONG_S))
    finally:
        hurt(pid, signal.SIGCONT)


async def _signal_broker(stage: OneNode, number: signal.Signals) -> None:
    hurt(stage.broker_pid(), number)


async def _freeze_broker(stage: OneNode, dice: random.Random) -> None:
    pid = stage.broker_pid()
    hurt(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(dice.uniform(*_LONG_S))
    finally:
        hurt(pid, signal.SIGCONT)


async def _kill_node(stage: ThreeNodes, dice: random.Random) -> None:
    node = dice.choice(stage.cluster.nodes)
    await node.kill()
    await asyncio.sleep(dice.uniform(*_SHORT_S))
    await stage.restart(node)


async def _kill_all_nodes(stage: ThreeNodes) -> None:
    for node in stage.cluster.nodes:
        await node.kill()
    await asyncio.gather(*(stage.restart(node) for node in stage.cluster.nodes))


async def _restart_node(stage: ThreeNodes, dice: random.Random) -> None:
    node = dice.choice(stage.cluster.nodes)
    await node.stop()
    await asyncio.sleep(dice.uniform(*_SHORT_S))
    await stage.restart(node)


async def _freeze_node(stage: ThreeNodes, dice: random.Random) -> None:
    node = dice.choice(stage.cluster.nodes)
    node.freeze()
    try:
        await asyncio.sleep(dice.uniform(*_LONG_S))
    finally:
        node.thaw()


async def _cut_node(stage: ThreeNodes, dice: random.Random) -> None:
    assert stage.cables is not None
    number = dice.randrange(stage.nodes)
    await stage.cables.cut(number)
    try:
        await asyncio.sleep(dice.uniform(*_LONG_S))
    finally:
        await stage.cables.mend(number)
