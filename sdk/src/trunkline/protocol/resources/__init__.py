"""Shapes of what the REST API returns and takes; the hub's OpenAPI is made from them.

Times are RFC 3339 in UTC, durations seconds (`_s`) or milliseconds (`_ms`),
sizes bytes. Lists come as a page: `items` and, where more follow, `next`, the
cursor for the next request.
"""

from trunkline.protocol.resources.agents import Agent, AgentInstance, AgentPage, CallRequest, CallResult
from trunkline.protocol.resources.audit import AuditEntry, AuditPage
from trunkline.protocol.resources.dead_letters import DeadLetter, DeadLetterDetail, DeadLetterPage, Redriven
from trunkline.protocol.resources.events import Event, EventPage
from trunkline.protocol.resources.overview import ComponentHealth, Health, Overview, ReaderLag, Sample
from trunkline.protocol.resources.queues import EnqueueRequest, Queue, QueueDeclaration, QueueLaneState, QueuePage
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
    "CallRequest",
    "CallResult",
    "ComponentHealth",
    "DeadLetter",
    "DeadLetterDetail",
    "DeadLetterPage",
    "EnqueueRequest",
    "Event",
    "EventPage",
    "Health",
    "Overview",
    "Queue",
    "QueueDeclaration",
    "QueueLaneState",
    "QueuePage",
    "ReaderLag",
    "Redriven",
    "Sample",
    "SigninLink",
    "SigninRequest",
    "Token",
    "TokenCreated",
    "TokenPage",
    "TokenRequest",
    "Whoami",
]
