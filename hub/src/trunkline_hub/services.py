"""Every service of the hub, made once, bottom up: the first half of the composition root.

`app.py` makes features and components of them. Each gets exactly what it
needs; nothing registers itself.
"""

from dataclasses import dataclass
from datetime import timedelta

from trunkline_hub import (
    admin,
    agents,
    archive,
    audit,
    blobs,
    crews,
    dead_letters,
    events,
    idempotency,
    index,
    insights,
    jobs,
    limits,
    queue_control,
    queues,
    retention,
    revisions,
    routes,
    schedules,
    schemas,
    security,
    tasks,
)
from trunkline_hub.agents.model import Presence
from trunkline_hub.bus import HubBus, Reconciler
from trunkline_hub.bus.blobs import BlobStore, BucketLimits
from trunkline_hub.bus.eviction import Eviction
from trunkline_hub.bus.history import History
from trunkline_hub.bus.host import SkillHost
from trunkline_hub.bus.hubs import HubNews
from trunkline_hub.bus.signals import HubCalls
from trunkline_hub.bus.trends import Trends
from trunkline_hub.core.clock import Clock
from trunkline_hub.db import Database
from trunkline_hub.dead_letters.events import LetterRetention
from trunkline_hub.gateways import a2a, mcp
from trunkline_hub.gateways.mcp.events import SdkDialer
from trunkline_hub.index import store as index_store
from trunkline_hub.outbound import Outbound
from trunkline_hub.queues.events import PageOpener
from trunkline_hub.settings import Settings
from trunkline_hub.tasks.events import TaskWatch

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
    claims: idempotency.RequestClaims
    budgets: limits.RequestBudgets
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
    finder: agents.Finder
    agents: agents.Agents
    crews: crews.SkillCrews
    calls: HubCalls
    tasks: tasks.Tasks
    outbound: Outbound
    a2a_gate: a2a.Gate
    insights: insights.Insights
    routes: routes.Routes
    news: HubNews
    overviews: admin.Overviews
    presence: Presence
    skill_host: SkillHost
    mcp_work: mcp.Work
    mcp_upstreams: mcp.Upstreams
    toolsets: mcp.Toolsets


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
    bounds = BucketLimits(max_bytes=settings.blobs.max_bytes, max_age_s=settings.blobs.max_age_s)
    blob_store = BlobStore(bus, clock, bounds)
    groups = events.Groups(bus, db, clock, trail, access.workspaces)
    index_db = index_store.database(settings.index.url_beside(settings.db.url.get_secret_value()), clock)
    finder = index.Index(bus, index_db, clock, trail, dead, groups)
    log = events.Events(bus, db, finder, event_types, history)
    past, states = revisions.Revisions(), queue_control.QueueStates()
    presence = Presence(grace_until=clock.now() + timedelta(seconds=settings.bus.heartbeat_s * _PRESENCE_GRACE))
    trends = Trends(bus, access.workspaces, sample_s=settings.queues.sample_s, history=settings.queues.history)
    work = queues.Queues(bus, db, trail, dead, states, past, agents.Crews(presence, clock), trends)
    work.page_size = settings.queues.page_size
    access.layouts = dead.layouts = work.layouts
    control = queue_control.QueueControl(bus, db, trail, work_orders, past, states, work, dead)
    cron = schedules.Schedules(db, clock, trail, work, log)
    cursors = [control.desired_consumers, log.desired_consumers]
    reconciler = Reconciler(bus, access.workspaces, cursors, work.streams, retentions.plan)
    work.make_room = PageOpener(db, reconciler, size=settings.queues.page_size).make_room
    grants = security.Grants()
    news = HubNews(bus)
    calls = HubCalls(bus)
    catalogue = agents.Agents(db, trail, grants, work, log, calls, presence, news)
    calls.crews = crew = crews.SkillCrews(clock, db, trail, catalogue, presence)
    work_done = tasks.Tasks(bus, db, clock, trail, catalogue, work, TaskWatch(bus), reconciler)
    who = agents.Finder(db, presence)
    traffic = schemas.Traffic(event_types, catalogue, log)
    ways = routes.Routes(trail, past, work, log, catalogue)
    outbound = Outbound(settings.outbound)
    toolsets = mcp.Toolsets(trail)
    desk = mcp.Desk(settings.mcp, db, calls, catalogue, toolsets, event_types)
    kept = blobs.Blobs(settings.blobs, blob_store, db, trail)
    mcp_work = mcp.Work(desk, work_done, kept, keep_s=settings.tasks.keep_s)
    upstreams = mcp.Upstreams(settings.mcp, db, trail, catalogue, SdkDialer(outbound, settings.mcp))
    overviews = admin.Overviews(settings.admin, bus, db, clock, catalogue, dead, access.workspaces)
    return Services(
        settings=settings, db=db, bus=bus, eviction=eviction, audit=trail, claims=idempotency.RequestClaims(settings.idempotency, db, clock, hub_id=settings.hub_id), budgets=limits.RequestBudgets(settings.limits), security=access, jobs=work_orders,
        reconciler=reconciler, events=log, groups=groups, index=finder, archives=archives, retentions=retentions,
        history=history, event_types=event_types, traffic=traffic, queues=work, queue_control=control,
        dead_letters=dead, letter_retention=LetterRetention(bus, db, settings.dead_letters, access.workspaces),
        schedules=cron, scheduled=schedules.ScheduledMessages(bus, db, clock, trail), blob_store=blob_store,
        blobs=kept, agents=catalogue, crews=crew, calls=calls,
        tasks=work_done, presence=presence, routes=ways, news=news, finder=who,
        overviews=overviews, outbound=outbound, mcp_work=mcp_work, mcp_upstreams=upstreams, toolsets=toolsets,
        skill_host=SkillHost(bus, hub_id=settings.hub_id),
        a2a_gate=a2a.Gate(settings.a2a, access, web_host=settings.web.host),
        insights=insights.Insights(clock, who, insights.TrafficWatch(bus, clock)),
    )  # fmt: skip
