"""Puts A2A together."""

from dataclasses import dataclass

from trunkline_hub.audit import Audit
from trunkline_hub.blobs import Blobs
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.signals import HubCalls
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.component import Component
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.gateways.a2a.api import agents_router, routers
from trunkline_hub.gateways.a2a.events import (
    CardRefresher,
    GrpcDoor,
    PushSender,
    PushWatch,
    RemoteHost,
    RemoteTasks,
    WaitingTasks,
)
from trunkline_hub.gateways.a2a.ports import Catalogue, Workspaces
from trunkline_hub.gateways.a2a.providers import Engines
from trunkline_hub.gateways.a2a.service import Cards, Desk, Pushes, Remotes
from trunkline_hub.gateways.a2a.service.gate import Gate
from trunkline_hub.gateways.a2a.settings import A2ASettings
from trunkline_hub.outbound import Outbound
from trunkline_hub.tasks import Tasks
from trunkline_hub.web.settings import WebSettings


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the gateway is made of."""

    settings: A2ASettings
    web: WebSettings
    bus: HubBus
    db: Database
    clock: Clock
    audit: Audit
    outbound: Outbound
    catalogue: Catalogue
    gate: Gate
    tasks: Tasks
    calls: HubCalls
    blobs: Blobs
    workspaces: Workspaces
    keep_s: float
    hub_id: str


def build(parts: Parts) -> Feature:
    settings = parts.settings
    cards = Cards(settings, parts.db, parts.clock, parts.catalogue)
    desk = Desk(settings, cards, parts.tasks, parts.calls, parts.blobs)
    pushes = Pushes(parts.bus, parts.db, parts.audit, parts.outbound)
    base = parts.web.public_url or f"http://{parts.web.host}:{parts.web.port}"
    engines = Engines(
        desk=desk, pushes=pushes, cards=cards, gate=parts.gate, outbound=parts.outbound, base_url=lambda: base
    )
    remotes = Remotes(settings, parts.db, parts.audit, parts.catalogue, parts.outbound, engines)
    doer = RemoteTasks(parts.db, parts.clock, engines, parts.tasks, parts.blobs)
    parts.tasks.doers.append(doer)
    watch = PushWatch(parts.bus, parts.workspaces, pushes, engines)
    sender = PushSender(
        parts.db, parts.clock, parts.outbound, watch.noted, attempts=settings.push_attempts, keep_s=parts.keep_s
    )
    components: list[Component] = [
        watch, sender, RemoteHost(parts.bus, parts.db, engines, doer.adopt, hub_id=parts.hub_id),
        CardRefresher(parts.db, parts.clock, remotes, refresh_s=settings.refresh_s),
        WaitingTasks(parts.db, engines, parts.tasks, doer.errand, poll_s=settings.poll_s),
    ]  # fmt: skip
    if settings.grpc_port is not None:
        components.append(GrpcDoor(settings, engines, cards))
    return Feature(
        name="a2a",
        routes=[*routers(), agents_router],
        components=components,
        services={"a2a": settings, "engines": engines, "cards": cards, "desk": desk, "remotes": remotes},
        permissions={
            "a2a:use": "Use agents by A2A: see their cards, and with `tasks:run` talk to them.",
            "a2a:read": "See which A2A agents were taken in.",
            "a2a:write": "Take A2A agents in, approve changes of their cards, and remove them.",
        },
    )
