"""Shapes of what the REST API returns and takes; the hub's OpenAPI is made from them.

Times are RFC 3339 in UTC, durations seconds (`_s`) or milliseconds (`_ms`),
sizes bytes. Lists come as a page: `items` and, where more follow, `next`, the
cursor for the next request.
"""

from trunkline.protocol.resources.agents import Agent, AgentInstance, AgentPage, CallRequest, CallResult
from trunkline.protocol.resources.audit import AuditEntry, AuditPage
from trunkline.protocol.resources.dead_letters import DeadLetter, DeadLetterDetail, DeadLetterPage, Redriven
from trunkline.protocol.resources.events import Event, EventPage
from trunkline.protocol.resources.groups import Group, GroupPage
from trunkline.protocol.resources.index import IndexedStream, IndexStatus
from trunkline.protocol.resources.jobs import Job, JobChange, JobPage, JobState
from trunkline.protocol.resources.overview import ComponentHealth, Health, Overview, ReaderLag, Sample
from trunkline.protocol.resources.queues import EnqueueRequest, Queue, QueueDeclaration, QueuePage
from trunkline.protocol.resources.revisions import Revision, RevisionPage
from trunkline.protocol.resources.routes import (
    Condition,
    DeadEnd,
    DeadEndPage,
    Explanation,
    Operator,
    Rollback,
    Route,
    RouteCounts,
    RouteDeclaration,
    RouteMatch,
    RouteMode,
    RoutePage,
    RouteSample,
    RouteTarget,
    RouteVerdict,
)
from trunkline.protocol.resources.schedules import (
    Firing,
    FiringPage,
    Misfire,
    Outcome,
    Schedule,
    Scheduled,
    ScheduledDetail,
    ScheduleDeclaration,
    ScheduledPage,
    SchedulePage,
)
from trunkline.protocol.resources.security import (
    SigninLink,
    SigninRequest,
    Token,
    TokenCreated,
    TokenPage,
    TokenRequest,
    Whoami,
)
from trunkline.protocol.resources.traces import Copy, Handling, Span, Trace, TracedLetter, TraceNode, Waiting

__all__ = [
    "Agent",
    "AgentInstance",
    "AgentPage",
    "AuditEntry",
    "AuditPage",
    "CallRequest",
    "CallResult",
    "ComponentHealth",
    "Condition",
    "Copy",
    "DeadEnd",
    "DeadEndPage",
    "DeadLetter",
    "DeadLetterDetail",
    "DeadLetterPage",
    "EnqueueRequest",
    "Event",
    "EventPage",
    "Explanation",
    "Firing",
    "FiringPage",
    "Group",
    "GroupPage",
    "Handling",
    "Health",
    "IndexStatus",
    "IndexedStream",
    "Job",
    "JobChange",
    "JobPage",
    "JobState",
    "Misfire",
    "Operator",
    "Outcome",
    "Overview",
    "Queue",
    "QueueDeclaration",
    "QueuePage",
    "ReaderLag",
    "Redriven",
    "Revision",
    "RevisionPage",
    "Rollback",
    "Route",
    "RouteCounts",
    "RouteDeclaration",
    "RouteMatch",
    "RouteMode",
    "RoutePage",
    "RouteSample",
    "RouteTarget",
    "RouteVerdict",
    "Sample",
    "Schedule",
    "ScheduleDeclaration",
    "SchedulePage",
    "Scheduled",
    "ScheduledDetail",
    "ScheduledPage",
    "SigninLink",
    "SigninRequest",
    "Span",
    "Token",
    "TokenCreated",
    "TokenPage",
    "TokenRequest",
    "Trace",
    "TraceNode",
    "TracedLetter",
    "Waiting",
    "Whoami",
]
