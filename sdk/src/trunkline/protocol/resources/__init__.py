"""Shapes of what the REST API returns and takes; the hub's OpenAPI is made from them.

Times are RFC 3339 in UTC, durations seconds (`_s`) or milliseconds (`_ms`),
sizes bytes. Lists come as a page: `items` and, where more follow, `next`, the
cursor for the next request.
"""

from trunkline.protocol.resources.agents import Agent, AgentInstance, AgentPage, CallRequest, CallResult
from trunkline.protocol.resources.audit import AuditEntry, AuditPage
from trunkline.protocol.resources.dead_letters import (
    BulkDiscardRequest,
    BulkRedriveRequest,
    DeadLetter,
    DeadLetterDetail,
    DeadLetterPage,
    DeadLetterSummary,
    DiscardRequest,
    EditedPayload,
    Facet,
    LetterFilter,
    LetterWork,
    Life,
    Redriven,
    RedriveRequest,
)
from trunkline.protocol.resources.events import Event, EventPage
from trunkline.protocol.resources.jobs import Job, JobChange, JobPage, JobState
from trunkline.protocol.resources.overview import ComponentHealth, Health, Overview, ReaderLag, Sample
from trunkline.protocol.resources.queue_control import (
    Cancelled,
    DeleteRequest,
    MessageFilter,
    MoveRequest,
    PurgeRequest,
    QueuedMessage,
    QueuedMessagePage,
    QueueState,
    QueueStatus,
    QueueWork,
    Reason,
    Rollback,
)
from trunkline.protocol.resources.queues import EnqueueRequest, Queue, QueueDeclaration, QueuePage
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
    "AuditEntry",
    "AuditPage",
    "BulkDiscardRequest",
    "BulkRedriveRequest",
    "CallRequest",
    "CallResult",
    "Cancelled",
    "ComponentHealth",
    "DeadLetter",
    "DeadLetterDetail",
    "DeadLetterPage",
    "DeadLetterSummary",
    "DeleteRequest",
    "DiscardRequest",
    "EditedPayload",
    "EnqueueRequest",
    "Event",
    "EventPage",
    "Facet",
    "Health",
    "Job",
    "JobChange",
    "JobPage",
    "JobState",
    "LetterFilter",
    "LetterWork",
    "Life",
    "MessageFilter",
    "MoveRequest",
    "Overview",
    "PurgeRequest",
    "Queue",
    "QueueDeclaration",
    "QueuePage",
    "QueueState",
    "QueueStatus",
    "QueueWork",
    "QueuedMessage",
    "QueuedMessagePage",
    "ReaderLag",
    "Reason",
    "RedriveRequest",
    "Redriven",
    "Revision",
    "RevisionPage",
    "Rollback",
    "Sample",
    "SigninLink",
    "SigninRequest",
    "Token",
    "TokenCreated",
    "TokenPage",
    "TokenRequest",
    "Whoami",
]
