"""COMPOSITION ROOT: everything is put together here, and only here.

Read it top to bottom: doors, then who may, then the features in the order of
the arrow. Each `build` gets exactly what it needs. Nothing registers itself.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from litestar import Litestar

from trunkline_hub import admin, agents, audit, dead_letters, events, queues, security
from trunkline_hub.admin import feature as admin_feature
from trunkline_hub.agents import feature as agents_feature
from trunkline_hub.agents.model import Presence
from trunkline_hub.audit import feature as audit_feature
from trunkline_hub.bus import HubBus, Reconciler
from trunkline_hub.bus.backstop import Backstop, OrphanScan
from trunkline_hub.bus.callout import BusGrant, Callout
from trunkline_hub.bus.eviction import Eviction
from trunkline_hub.bus.expired import ExpirySweep
from trunkline_hub.bus.signals import HubCalls
from trunkline_hub.bus.strays import StrayScan
from trunkline_hub.bus.trends import Trends
from trunkline_hub.core.clock import Clock, SystemClock
from trunkline_hub.core.component import Component, Supervisor
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.db.leases import SqlLeases
from trunkline_hub.db.migrate import upgrade
from trunkline_hub.db.outbox import OutboxRelay
from trunkline_hub.dead_letters import feature as dead_letters_feature
from trunkline_hub.events import feature as events_feature
from trunkline_hub.queues import feature as queues_feature
from trunkline_hub.security import feature as security_feature
from trunkline_hub.security.api import authenticator
from trunkline_hub.settings import Settings
from trunkline_hub.telemetry.metrics import Metrics
from trunkline_hub.web.application import build_application

_PRESENCE_GRACE = 3.0
"""In heartbeats: how long after a start silence does not mean "offline"."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """One of each; features receive from here what they need."""

    db: Database
    bus: HubBus
    eviction: Eviction
    audit: audit.Audit
    security: security.Security
    reconciler: Reconciler
    events: events.Events
    queues: queues.Queues
    dead_letters: dead_letters.DeadLetters
    agents: agents.Agents
    overviews: admin.Overviews
    presence: Presence
    queue_watch: Sequence[Component]


def build_services(settings: Settings, clock: Clock) -> Services:
    """Make the doors and the services, bottom up."""
    db = Database(settings.db.url.get_secret_value(), clock)
    bus = HubBus(settings.bus, hub_id=settings.hub_id)
    trail = audit.Audit()
    eviction = Eviction(settings.bus, hub_id=settings.hub_id)
    access = security.Security(settings.security, db, clock, trail, eviction.evict)
    log = events.Events(bus, db)
    dead = dead_letters.DeadLetters(bus, db, trail)
    grace = timedelta(seconds=settings.bus.heartbeat_s * _PRESENCE_GRACE)
    presence = Presence(grace_until=clock.now() + grace)
    trends = Trends(bus, access.workspaces, sample_s=settings.queues.sample_s, history=settings.queues.history)
    work = queues.Queues(bus, db, trail, dead, agents.Crews(presence, clock), trends)
    access.layouts = work.layouts
    where = bus, access.workspaces, work.layouts
    watch = [
        trends,
        StrayScan(*where, interval_s=settings.queues.stray_scan_s),
        ExpirySweep(*where, clock, interval_s=settings.queues.expiry_sweep_s),
    ]
    reconciler = Reconciler(
        bus, access.workspaces, [work.desired_consumers, log.desired_consumers], work.limited_queues
    )
    grants = security.Grants()
    catalogue = agents.Agents(db, clock, trail, grants, work, log, HubCalls(bus), presence)
    overviews = admin.Overviews(settings.admin, bus, db, clock, catalogue, dead, access.workspaces)
    return Services(
        db=db, bus=bus, eviction=eviction, audit=trail, security=access, reconciler=reconciler, events=log, queues=work,
        dead_letters=dead, agents=catalogue, overviews=overviews, presence=presence, queue_watch=watch,
    )  # fmt: skip


def build_features(services: Services, clock: Clock) -> list[Feature]:
    """THE LIST: every feature of the hub, in the order of the arrow."""
    return [
        audit_feature.build(),
        security_feature.build(services.security, services.db),
        events_feature.build(),
        queues_feature.build(services.db, services.queue_watch),
        dead_letters_feature.build(services.bus, services.db, services.security.workspaces),
        agents_feature.build(services.bus, services.presence, clock),
        admin_feature.build(services.overviews),
    ]


def build_components(settings: Settings, services: Services, features: Sequence[Feature]) -> list[Component]:
    """Everything that runs, in the order in which it starts."""

    async def judge(token: str, connection: str) -> BusGrant:
        principal, rights = await services.security.rights(token, connection)
        return BusGrant(
            key_id=principal.key_id, publish=rights.publish, subscribe=rights.subscribe,
            expires_at=principal.expires_at,
        )  # fmt: skip

    workspaces = services.security.workspaces
    return [
        services.bus,
        services.reconciler,
        Callout(settings.bus, judge, hub_id=settings.hub_id),
        services.eviction,
        OutboxRelay(services.db, services.bus.publish_fact),
        Backstop(services.bus),
        OrphanScan(services.bus, workspaces),
        *(component for feature in features for component in feature.components),
    ]


def build(settings: Settings, clock: Clock | None = None) -> Litestar:
    """Return the hub as an ASGI application; its lifespan starts and stops everything."""
    clock = clock or SystemClock()
    services = build_services(settings, clock)
    features = build_features(services, clock)
    services.security.permissions = {name: text for f in features for name, text in f.permissions.items()}
    leases = SqlLeases(services.db, clock, holder=settings.hub_id)
    supervisor = Supervisor(build_components(settings, services, features), leases)
    metrics = Metrics()
    metrics.add_gauges(services.overviews.gauges)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.supervisor = supervisor
        app.state.closing = asyncio.Event()
        await upgrade(services.db)
        await services.security.bootstrap()
        await supervisor.start()
        try:
            yield
        finally:
            await supervisor.stop()
            await services.db.close()

    return build_application(
        settings.web,
        routes=[route for feature in features for route in feature.routes],
        services={
            "audit": services.audit,
            "security": services.security,
            "reconciler": services.reconciler,
            "events": services.events,
            "queues": services.queues,
            "dead_letters": services.dead_letters,
            "agents": services.agents,
            "overviews": services.overviews,
            "bus_settings": settings.bus,
            "web_settings": settings.web,
        },
        db=services.db,
        metrics=metrics,
        authenticate=authenticator(services.security),
        workspaces=services.security.workspaces,
        lifespan=lifespan,
    )
