"""COMPOSITION ROOT: everything is put together here, and only here.

Read it top to bottom: doors, then who may, then the features in the order of
the arrow. Each `build` gets exactly what it needs. Nothing registers itself.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import timedelta

from litestar import Litestar

from trunkline_hub import (
    admin,
    agents,
    audit,
    dead_letters,
    events,
    index,
    jobs,
    queues,
    revisions,
    routes,
    schedules,
    schemas,
    security,
)
from trunkline_hub.admin import feature as admin_feature
from trunkline_hub.agents import feature as agents_feature
from trunkline_hub.agents.model import Presence
from trunkline_hub.audit import feature as audit_feature
from trunkline_hub.bus import HubBus, Reconciler
from trunkline_hub.bus.backstop import Backstop, OrphanScan
from trunkline_hub.bus.callout import BusGrant, Callout
from trunkline_hub.bus.eviction import Eviction
from trunkline_hub.bus.expired import ExpirySweep
from trunkline_hub.bus.hubs import HubNews
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
from trunkline_hub.gate import Gate
from trunkline_hub.gate import feature as gate_feature
from trunkline_hub.index import feature as index_feature
from trunkline_hub.index import store as index_store
from trunkline_hub.jobs import feature as jobs_feature
from trunkline_hub.queues import feature as queues_feature
from trunkline_hub.routes import feature as routes_feature
from trunkline_hub.schedules import feature as schedules_feature
from trunkline_hub.schemas import feature as schemas_feature
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
    jobs: jobs.Jobs
    reconciler: Reconciler
    groups: events.Groups
    index: index.Index
    event_types: schemas.EventTypes
    traffic: schemas.Traffic
    events: events.Events
    queues: queues.Queues
    dead_letters: dead_letters.DeadLetters
    scheduled: schedules.ScheduledMessages
    schedules: schedules.Schedules
    agents: agents.Agents
    routes: routes.Routes
    news: HubNews
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
    work_orders = jobs.Jobs(trail)
    event_types = schemas.EventTypes(db, trail)
    dead = dead_letters.DeadLetters(bus, db, trail)
    groups = events.Groups(bus, db, clock, trail, access.workspaces)
    index_db = index_store.database(settings.index.url_beside(settings.db.url.get_secret_value()), clock)
    finder = index.Index(bus, index_db, clock, trail, dead, groups)
    log = events.Events(bus, db, finder, event_types)
    grace = timedelta(seconds=settings.bus.heartbeat_s * _PRESENCE_GRACE)
    presence = Presence(grace_until=clock.now() + grace)
    trends = Trends(bus, access.workspaces, sample_s=settings.queues.sample_s, history=settings.queues.history)
    work = queues.Queues(bus, db, trail, dead, agents.Crews(presence, clock), trends)
    access.layouts = dead.layouts = work.layouts
    cron = schedules.Schedules(db, clock, trail, work, log)
    where = bus, access.workspaces, work.layouts
    watch = [
        trends,
        StrayScan(*where, interval_s=settings.queues.stray_scan_s),
        ExpirySweep(*where, clock, interval_s=settings.queues.expiry_sweep_s),
    ]
    desired = [work.desired_consumers, log.desired_consumers]
    reconciler = Reconciler(bus, access.workspaces, desired, work.limited_queues)
    grants = security.Grants()
    catalogue = agents.Agents(db, clock, trail, grants, work, log, HubCalls(bus), presence)
    traffic = schemas.Traffic(event_types, catalogue, log)
    ways = routes.Routes(trail, revisions.Revisions(), work, log, catalogue)
    overviews = admin.Overviews(settings.admin, bus, db, clock, catalogue, dead, access.workspaces)
    return Services(
        db=db, bus=bus, eviction=eviction, audit=trail, security=access, jobs=work_orders, reconciler=reconciler,
        events=log, queues=work, dead_letters=dead, schedules=cron,
        scheduled=schedules.ScheduledMessages(bus, db, clock, trail), agents=catalogue, overviews=overviews,
        presence=presence, routes=ways, news=HubNews(bus), groups=groups, index=finder, event_types=event_types,
        traffic=traffic, queue_watch=watch,
    )  # fmt: skip


def build_features(settings: Settings, services: Services, clock: Clock) -> list[Feature]:
    """THE LIST: every feature of the hub, in the order of the arrow."""
    return [
        audit_feature.build(),
        security_feature.build(services.security, services.db),
        jobs_feature.build(),
        events_feature.build(services.groups),
        index_feature.build(services.bus, services.index, services.security.workspaces),
        schemas_feature.build(
            services.bus, services.db, services.event_types, services.security.workspaces, settings.schemas
        ),
        queues_feature.build(services.db, services.queue_watch),
        dead_letters_feature.build(services.bus, services.db, services.security.workspaces),
        schedules_feature.build(services.bus, services.security.workspaces, clock, services.schedules, services.queues),
        agents_feature.build(services.bus, services.presence, clock),
        gate_feature.build(Gate(services.db, services.events, services.queues), services.bus),
        routes_feature.build(
            services.routes,
            services.bus,
            services.news,
            services.db,
            clock,
            services.security.workspaces,
            routes_feature.Desks(queues=services.queues, groups=services.events, skills=services.agents),
        ),
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
    kinds = {kind: work for feature in features for kind, work in feature.jobs.items()}
    return [
        services.bus,
        services.news,
        services.reconciler,
        Callout(settings.bus, judge, hub_id=settings.hub_id),
        services.eviction,
        OutboxRelay(services.db, services.bus.publish_fact),
        Backstop(services.bus),
        OrphanScan(services.bus, workspaces),
        jobs.JobRunner(services.jobs, services.db, kinds, hub_id=settings.hub_id),
        *(component for feature in features for component in feature.components),
    ]


def build(settings: Settings, clock: Clock | None = None) -> Litestar:
    """Return the hub as an ASGI application; its lifespan starts and stops everything."""
    clock = clock or SystemClock()
    services = build_services(settings, clock)
    features = build_features(settings, services, clock)
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
            await services.index.db.close()
            await services.db.close()

    return build_application(
        settings.web,
        routes=[route for feature in features for route in feature.routes],
        services={field.name: getattr(services, field.name) for field in fields(services) if field.name != "db"}
        | {"bus_settings": settings.bus, "web_settings": settings.web},
        db=services.db,
        metrics=metrics,
        authenticate=authenticator(services.security),
        workspaces=services.security.workspaces,
        lifespan=lifespan,
    )
