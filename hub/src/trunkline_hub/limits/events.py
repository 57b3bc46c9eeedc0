"""Hubs tell each other what was spent."""

import asyncio
from typing import ClassVar

import msgspec

from trunkline.protocol import subjects
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.signals import listen, send
from trunkline_hub.core.component import Component
from trunkline_hub.limits.service import TELL_S, RequestBudgets


class Told(msgspec.Struct, array_like=True):
    """What one hub's connection says was spent there: (workspace, principal, policy, requests)."""

    mark: str
    spent: list[tuple[str, str, str, int]]


class BudgetNews(Component):
    """Tells the other hubs ten times a second what was spent here, where anything was."""

    name: ClassVar[str] = "limits-news"

    def __init__(self, bus: HubBus, budgets: RequestBudgets) -> None:
        super().__init__()
        self._bus = bus
        self._budgets = budgets

    async def run(self) -> None:
        await listen(self._bus, subjects.hub_budgets(), self._hear)
        self.started.set()
        while True:
            await asyncio.sleep(TELL_S)
            spent = self._budgets.told()
            if spent:
                send(self._bus, subjects.hub_budgets(), msgspec.msgpack.encode(Told(self._bus.bus.mark, spent)))

    async def _hear(self, _subject: str, payload: bytes) -> None:
        told = msgspec.msgpack.decode(payload, type=Told)
        if told.mark != self._bus.bus.mark:
            self._budgets.hear(told.mark, told.spent)
