"""Shapes of what the REST API returns and takes; the hub's OpenAPI is made from them.

Times are RFC 3339 in UTC, durations seconds (`_s`) or milliseconds (`_ms`),
sizes bytes. Lists come as a page: `items` and, where more follow, `next`, the
cursor for the next request.
"""

from trunkline.protocol.resources.agents import Agent, AgentInstance, AgentPage, CallRequest, CallResult
from trunkline.protocol.resources.audit import AuditEntry, AuditPage
from trunkline.protocol.resources.dead_letters import DeadLetter, DeadLetterDetail, DeadLetterPage, Redriven
from trunkline.protocol.resources.events import Event, EventPage
from trunkline.protocol.resources.jobs import Job, JobChange, JobPage, JobState
from trunkline.protocol.resources.overview import ComponentHealth, Health, Overview, ReaderLag, Sample
from trunkline.protocol.resources.queues import EnqueueRequest, Queue, QueueDeclaration, QueuePage
from trunkline.protocol.resources.replays import (
    FileFormat,
    Reading,
    ReadingRequest,
    ReplayRequest,
    ReplayTarget,
    Selection,
)
from trunkline.protocol.resources.retention import (
    Archive,
    Finding,
    Keep,
    KeepDeclaration,
    Retention,
    RetentionChange,
    Segment,
    SegmentPage,
    Verification,
)
from trunkline.protocol.resources.revisions import Revision, RevisionPage
from trunkline.protocol.resources.security import (
    SigninLink,
    SigninRequest,
    Token,
    TokenCreated,
    TokenPage,
    TokenRequest,
    Whoami,
)

__all__ = [
    "Agent",
    "AgentInstance",
    "AgentPage",
    "Archive",
    "AuditEntry",
    "AuditPage",
    "CallRequest",
    "CallResult",
    "ComponentHealth",
    "DeadLetter",
    "DeadLetterDetail",
    "DeadLetterPage",
    "EnqueueRequest",
    "Event",
    "EventPage",
    "FileFormat",
    "Finding",
    "Health",
    "Job",
    "JobChange",
    "JobPage",
    "JobState",
    "Keep",
    "KeepDeclaration",
    "Overview",
    "Queue",
    "QueueDeclaration",
    "QueuePage",
    "ReaderLag",
    "Reading",
    "ReadingRequest",
    "Redriven",
    "ReplayRequest",
    "ReplayTarget",
    "Retention",
    "RetentionChange",
    "Revision",
    "RevisionPage",
    "Sample",
    "Segment",
    "SegmentPage",
    "Selection",
    "SigninLink",
    "SigninRequest",
    "Token",
    "TokenCreated",
    "TokenPage",
    "TokenRequest",
    "Verification",
    "Whoami",
]
