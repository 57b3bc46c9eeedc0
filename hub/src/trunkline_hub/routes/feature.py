"""Puts routes together."""

from dataclasses import dataclass
from typing import Any, Protocol

from trunkline_hub.bus import HubBus
from trunkline_hub.bus.hubs import HubNews
from trunkline_hub.bus.reconciler import Workspaces
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.routes.api import router
from trunkline_hub.routes.events import Caller, Counted, Knowledge, Place, QueueLane, RouteLedger, Router, SkillWorkers
from trunkline_hub.routes.ports import GroupDesk, QueueDesk, SkillDesk
from trunkline_hub.routes.service import Routes

_TOPIC = "routes"


class QueueService(QueueDesk, QueueLane, Protocol):
    """Queues as routes need them."""


@dataclass(frozen=True, kw_only=True)
class Desks:
    """The services that routes ask, and which hub this is."""

    queues: QueueService
    groups: GroupDesk
    skills: SkillDesk
    calls: Caller
    hub_id: str


def build(
    routes: Routes, bus: HubBus, news: HubNews, db: Database, clock: Clock, workspaces: Workspaces, desks: Desks
) -> Feature:
    async def load_place(tx: Any, workspace: str) -> Place:
        followed = await desks.groups.groups(tx, workspace)
        return Place(
            queues=frozenset(await desks.queues.names(tx, workspace)),
            closed=frozenset(await desks.queues.closed(tx, workspace)),
            skills=frozenset(await desks.skills.skill_names(tx, workspace)),
            groups=tuple(tuple(one.types) for one in followed),
        )

    knowledge = Knowledge(routes, db, load_place)
    counted = Counted()
    carrier = Router(bus, workspaces, knowledge, desks.queues, counted)
    callers = SkillWorkers(bus, db, desks.queues, desks.calls, hub_id=desks.hub_id)

    async def tell_hubs() -> None:
        await carrier.prepare()
        await news.announce(_TOPIC)

    routes.on_change = tell_hubs
    news.on(_TOPIC, carrier.on_change)
    news.on(_TOPIC, callers.on_change)
    return Feature(
        name="routes",
        routes=[router],
        components=[carrier, callers, RouteLedger(db, clock, counted)],
        permissions={
            "routes:read": "See routes and dead ends; have messages explained.",
            "routes:write": "Declare, remove and roll back routes.",
        },
    )
