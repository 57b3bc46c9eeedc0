"""COMPOSITION ROOT: everything is put together here, and only here.

Read it top to bottom: `services.py` made one of each service, here they become
features in the order of the arrow, then what runs, then the application.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from functools import partial

from litestar import Litestar

from trunkline_hub import jobs
from trunkline_hub.admin import feature as admin_feature
from trunkline_hub.agents import feature as agents_feature
from trunkline_hub.archive import feature as archive_feature
from trunkline_hub.audit import feature as audit_feature
from trunkline_hub.blobs import feature as blobs_feature
from trunkline_hub.bus.backstop import Backstop, OrphanScan
from trunkline_hub.bus.callout import Callout
from trunkline_hub.core.clock import Clock, SystemClock
from trunkline_hub.core.component import Component, Supervisor
from trunkline_hub.core.feature import Feature
from trunkline_hub.crews import feature as crews_feature
from trunkline_hub.db.leases import SqlLeases
from trunkline_hub.db.migrate import upgrade
from trunkline_hub.db.outbox import OutboxRelay
from trunkline_hub.dead_letters import feature as dead_letters_feature
from trunkline_hub.events import feature as events_feature
from trunkline_hub.gate import Gate
from trunkline_hub.gate import feature as gate_feature
from trunkline_hub.gateways.a2a import feature as a2a_feature
from trunkline_hub.gateways.mcp import feature as mcp_feature
from trunkline_hub.gateways.mcp.api.door import anonymous
from trunkline_hub.handlers import feature as handlers_feature
from trunkline_hub.handlers.events import Lanes
from trunkline_hub.idempotency import feature as idempotency_feature
from trunkline_hub.index import feature as index_feature
from trunkline_hub.insights import feature as insights_feature
from trunkline_hub.integrity import feature as integrity_feature
from trunkline_hub.jobs import feature as jobs_feature
from trunkline_hub.limits import feature as limits_feature
from trunkline_hub.queue_control import feature as queue_control_feature
from trunkline_hub.queues import feature as queues_feature
from trunkline_hub.replays import feature as replays_feature
from trunkline_hub.retention import feature as retention_feature
from trunkline_hub.routes import feature as routes_feature
from trunkline_hub.schedules import feature as schedules_feature
from trunkline_hub.schemas import feature as schemas_feature
from trunkline_hub.security import feature as security_feature
from trunkline_hub.security.api import authenticator
from trunkline_hub.services import Services, build_services
from trunkline_hub.settings import Settings
from trunkline_hub.tasks import feature as tasks_feature
from trunkline_hub.telemetry.metrics import Metrics
from trunkline_hub.web.application import Admission, build_application


def build_features(settings: Settings, services: Services, clock: Clock) -> list[Feature]:
    """THE LIST: every feature of the hub, in the order of the arrow."""
    settings, bus, db, trail, jobs_ = services.settings, services.bus, services.db, services.audit, services.jobs
    workspaces = services.security.workspaces
    calls = services.calls
    lanes = Lanes(bus=bus, queues=services.queues, events=services.events, calls=calls, types=services.event_types)
    desks = routes_feature.Desks(
        queues=services.queues, groups=services.events, skills=services.agents, calls=calls, hub_id=settings.hub_id
    )  # fmt: skip
    return [
        audit_feature.build(),
        idempotency_feature.build(services.claims),
        limits_feature.build(bus, services.budgets),
        security_feature.build(services.security, db, services.news),
        jobs_feature.build(),
        archive_feature.build(services.archives, workspaces),
        events_feature.build(services.groups, services.events),
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
        agents_feature.build(
            settings.agents,
            bus,
            db,
            services.news,
            (services.agents, services.finder, services.presence),
            workspaces,
            (services.skill_host, services.outbound),
            hub_id=settings.hub_id,
        ),
        crews_feature.build(bus, services.crews, calls),
        tasks_feature.build(
            settings.tasks, bus, db, clock, services.tasks, (calls, services.queues), workspaces, hub_id=settings.hub_id
        ),
        insights_feature.build(services.insights),
        gate_feature.build(Gate(services.events, services.queues), bus),
        handlers_feature.build(db, trail, services.news, services.events, lanes, hub_id=settings.hub_id),
        routes_feature.build(services.routes, bus, services.news, db, clock, workspaces, desks),
        mcp_feature.build(
            services.mcp_work,
            services.mcp_upstreams,
            services.toolsets,
            (db, clock),
            services.skill_host,
            services.outbound,
            services.news,
            settings.web,
        ),
        a2a_feature.build(a2a_parts(settings, services, clock)),
        admin_feature.build(services.overviews),
    ]


def a2a_parts(settings: Settings, services: Services, clock: Clock) -> a2a_feature.Parts:
    """What A2A is made of."""
    return a2a_feature.Parts(
        settings=settings.a2a, web=settings.web, bus=services.bus, db=services.db, clock=clock, audit=services.audit,
        outbound=services.outbound, catalogue=services.agents, gate=services.a2a_gate, tasks=services.tasks,
        calls=services.calls, blobs=services.blobs, workspaces=services.security.workspaces, keep_s=settings.tasks.keep_s,
        hub_id=settings.hub_id,
    )  # fmt: skip


def build_components(settings: Settings, services: Services, features: Sequence[Feature]) -> list[Component]:
    """Everything that runs, in the order in which it starts."""
    kinds = {kind: work for feature in features for kind, work in feature.jobs.items()}
    relay = OutboxRelay(services.db, services.bus.publish_fact, partial(services.news.hint, OutboxRelay.name))
    services.news.on(OutboxRelay.name, relay.look)
    return [
        services.bus,
        services.news,
        services.reconciler,
        services.skill_host,
        Callout(settings.bus, security_feature.judge(services.security), hub_id=settings.hub_id),
        services.eviction,
        relay,
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
    for telling in (services.overviews, services.letter_retention, services.archives, services.finder):
        metrics.add_gauges(telling.gauges)
    for gauges in (gauges for feature in features for gauges in feature.gauges):
        metrics.add_gauges(gauges)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.supervisor = supervisor
        app.state.closing = asyncio.Event()
        app.state.mcp_door = next(f.services["mcp_door"] for f in features if "mcp_door" in f.services)
        await upgrade(services.db)
        await services.security.bootstrap()
        await supervisor.start()
        try:
            yield
        finally:
            await supervisor.stop()
            await services.outbound.close()
            await services.index.db.close()
            await services.db.close()

    return build_application(
        settings.web,
        quick=[route for feature in features for route in feature.quick],
        routes=[route for feature in features for route in feature.routes],
        services={field.name: getattr(services, field.name) for field in fields(services) if field.name != "db"}
        | {"bus_settings": settings.bus, "web_settings": settings.web}
        | {name: service for feature in features for name, service in feature.services.items()},
        db=services.db,
        metrics=metrics,
        admission=Admission(
            authenticate=services.a2a_gate.authenticator(anonymous(settings.mcp, authenticator(services.security))),
            by_token=services.security.by_token,
            workspaces=services.security.workspaces,
            budgets=services.budgets,
            claims=services.claims,
        ),
        lifespan=lifespan,
    )
