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
    archive,
    audit,
    blobs,
    dead_letters,
    events,
    index,
    jobs,
    queue_control,
    queues,
    retention,
    revisions,
    routes,
    schedules,
    schemas,
    security,
)
from trunkline_hub.admin import feature as admin_feature
from trunkline_hub.agents import feature as agents_feature
from trunkline_hub.agents.model import Presence
from trunkline_hub.archive import feature as archive_feature
from trunkline_hub.audit import feature as audit_feature
from trunkline_hub.blobs import feature as blobs_feature
from trunkline_hub.bus import HubBus, Reconciler
from trunkline_hub.bus.backstop import Backstop, OrphanScan
from trunkline_hub.bus.blobs import BlobStore, BucketLimits
from trunkline_hub.bus.callout import Callout
from trunkline_hub.bus.eviction import Eviction
from trunkline_hub.bus.history import History
from trunkline_hub.bus.hubs import HubNews
from trunkline_hub.bus.signals import HubCalls
from trunkline_hub.bus.trends import Trends
from trunkline_hub.core.clock import Clock, SystemClock
from trunkline_hub.core.component import Component, Supervisor
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.db.leases import SqlLeases
from trunkline_hub.db.migrate import upgrade
from trunkline_hub.db.outbox import OutboxRelay
from trunkline_hub.dead_letters import feature as dead_letters_feature
from trunkline_hub.dead_letters.events import LetterRetention
from trunkline_hub.events import feature as events_feature
from trunkline_hub.gate import Gate
from trunkline_hub.gate import feature as gate_feature
from trunkline_hub.handlers import feature as handlers_feature
from trunkline_hub.handlers.events import Lanes
from trunkline_hub.index import feature as index_feature
from trunkline_hub.index import store as index_store
from trunkline_hub.integrity import feature as integrity_feature
from trunkline_hub.jobs import feature as jobs_feature
from trunkline_hub.queue_control import feature as queue_control_feature
from trunkline_hub.queues import feature as queues_feature
from trunkline_hub.replays import feature as replays_feature
from trunkline_hub.retention import feature as retention_feature
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

    settings: Settings
    db: Database
    bus: HubBus
    eviction: Eviction
    audit: audit.Audit
    security: security.Security
    jobs: jobs.Jobs
    reconciler: Reconciler
    archives: archive.Archives
    retentions: retention.Retentions
    history: History
    groups: events.Groups
    index: index.Index
    event_types: schemas.EventTypes
    traffic: schemas.Traffic
    blob_store: BlobStore
    blobs: blobs.Blobs
    events: events.Events
    queues: queues.Queues
    queue_control: queue_control.QueueControl
    dead_letters: dead_letters.DeadLetters
    letter_retention: LetterRetention
    scheduled: schedules.ScheduledMessages
    schedules: schedules.Schedules
    agents: agents.Agents
    routes: routes.Routes
    news: HubNews
    overviews: admin.Overviews
    presence: Presence


def build_services(settings: Settings, clock: Clock) -> Services:
    """Make the doors and the services, bottom up."""
    db = Database(settings.db.url.get_secret_value(), clock)
    bus = HubBus(settings.bus, hub_id=settings.hub_id)
    trail = audit.Audit()
    eviction = Eviction(settings.bus, hub_id=settings.hub_id)
    access = security.Security(settings.security, db, clock, trail, eviction.evict)
    work_orders = jobs.Jobs(trail)
    archives = archive.Archives(settings.archive, bus, clock)
    history = History(bus, archives)
    retentions = retention.Retentions(bus, db, history, trail, revisions.Revisions())
    event_types = schemas.EventTypes(db, trail)
    dead = dead_letters.DeadLetters(bus, db, trail, work_orders)
    limits = BucketLimits(max_bytes=settings.blobs.max_bytes, max_age_s=settings.blobs.max_age_s)
    blob_store = BlobStore(bus, clock, limits)
    groups = events.Groups(bus, db, clock, trail, access.workspaces)
    index_db = index_store.database(settings.index.url_beside(settings.db.url.get_secret_value()), clock)
    finder = index.Index(bus, index_db, clock, trail, dead, groups)
    log = events.Events(bus, db, finder, event_types, history)
    past, states = revisions.Revisions(), queue_control.QueueStates()
    presence = Presence(grace_until=clock.now() + timedelta(seconds=settings.bus.heartbeat_s * _PRESENCE_GRACE))
    trends = Trends(bus, access.workspaces, sample_s=settings.queues.sample_s, history=settings.queues.history)
    work = queues.Queues(bus, db, trail, dead, states, past, agents.Crews(presence, clock), trends)
    access.layouts = dead.layouts = work.layouts
    control = queue_control.QueueControl(bus, db, trail, work_orders, past, states, work, dead)
    cron = schedules.Schedules(db, clock, trail, work, log)
    cursors = [control.desired_consumers, log.desired_consumers]
    reconciler = Reconciler(bus, access.workspaces, cursors, work.limited_queues, retentions.plan)
    grants = security.Grants()
    catalogue = agents.Agents(db, clock, trail, grants, work, log, HubCalls(bus), presence)
    traffic = schemas.Traffic(event_types, catalogue, log)
    ways = routes.Routes(trail, past, work, log, catalogue)
    overviews = admin.Overviews(settings.admin, bus, db, clock, catalogue, dead, access.workspaces)
    return Services(
        settings=settings, db=db, bus=bus, eviction=eviction, audit=trail, security=access, jobs=work_orders,
        reconciler=reconciler, events=log, groups=groups, index=finder, archives=archives, retentions=retentions,
        history=history, event_types=event_types, traffic=traffic, queues=work, queue_control=control,
        dead_letters=dead, letter_retention=LetterRetention(bus, db, settings.dead_letters, access.workspaces),
        schedules=cron, scheduled=schedules.ScheduledMessages(bus, db, clock, trail), blob_store=blob_store,
        blobs=blobs.Blobs(settings.blobs, blob_store, db, trail), agents=catalogue, presence=presence, routes=ways,
        news=HubNews(bus), overviews=overviews,
    )  # fmt: skip


def build_features(settings: Settings, services: Services, clock: Clock) -> list[Feature]:
    """THE LIST: every feature of the hub, in the order of the arrow."""
    settings, bus, db, trail, jobs_ = services.settings, services.bus, services.db, services.audit, services.jobs
    workspaces = services.security.workspaces
    calls = HubCalls(bus)
    lanes = Lanes(bus=bus, queues=services.queues, events=services.events, calls=calls, types=services.event_types)
    desks = routes_feature.Desks(
        queues=services.queues, groups=services.events, skills=services.agents, calls=calls, hub_id=settings.hub_id
    )  # fmt: skip
    return [
        audit_feature.build(),
        security_feature.build(services.security, db),
        jobs_feature.build(),
        archive_feature.build(services.archives, workspaces),
        events_feature.build(services.groups),
        index_feature.build(bus, services.index, workspaces),
        retention_feature.build(),
        replays_feature.build(settings.replays, bus, services.history, services.events, jobs_, hub_id=settings.hub_id),
        integrity_feature.build(settings.integrity, bus, db, (services.history, services.archives), jobs_, workspaces),
        schemas_feature.build(bus, db, services.event_types, workspaces, settings.schemas),
        blobs_feature.build(services.blob_store, workspaces),
        queues_feature.build(settings.queues, bus, db, services.queues, workspaces, clock),
        queue_control_feature.build(bus, db, trail, services.queues, services.queue_control, services.reconciler),
        dead_letters_feature.build(bus, db, services.dead_letters, services.letter_retention, workspaces),
        schedules_feature.build(bus, workspaces, clock, services.schedules, services.queues),
        agents_feature.build(bus, services.presence, clock),
        gate_feature.build(Gate(services.events, services.queues), bus),
        handlers_feature.build(db, trail, services.news, services.events, lanes, hub_id=settings.hub_id),
        routes_feature.build(services.routes, bus, services.news, db, clock, workspaces, desks),
        admin_feature.build(services.overviews),
    ]


def build_components(settings: Settings, services: Services, features: Sequence[Feature]) -> list[Component]:
    """Everything that runs, in the order in which it starts."""
    kinds = {kind: work for feature in features for kind, work in feature.jobs.items()}
    return [
        services.bus,
        services.news,
        services.reconciler,
        Callout(settings.bus, security_feature.judge(services.security), hub_id=settings.hub_id),
        services.eviction,
        OutboxRelay(services.db, services.bus.publish_fact),
        Backstop(services.bus),
        OrphanScan(services.bus, services.security.workspaces),
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
    for telling in (services.overviews, services.letter_retention, services.archives):
        metrics.add_gauges(telling.gauges)

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
        | {"bus_settings": settings.bus, "web_settings": settings.web}
        | {name: service for feature in features for name, service in feature.services.items()},
        db=services.db,
        metrics=metrics,
        authenticate=authenticator(services.security),
        workspaces=services.security.workspaces,
        lifespan=lifespan,
    )
