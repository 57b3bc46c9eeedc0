"""What the hub answers over HTTP, one small class per kind of resource."""

from trunkline.rest.agents import AgentsApi
from trunkline.rest.blobs import BlobsApi
from trunkline.rest.dead_letters import DeadLettersApi
from trunkline.rest.event_types import EventTypesApi
from trunkline.rest.events import EventsApi
from trunkline.rest.groups import GroupsApi
from trunkline.rest.handlers import HandlersApi
from trunkline.rest.index import IndexApi
from trunkline.rest.jobs import JobsApi
from trunkline.rest.mcp import McpApi
from trunkline.rest.queue_control import QueueControlApi
from trunkline.rest.queues import QueuesApi
from trunkline.rest.replays import ReplaysApi
from trunkline.rest.retention import RetentionApi
from trunkline.rest.routes import RoutesApi
from trunkline.rest.schedules import ScheduledApi, SchedulesApi
from trunkline.rest.tokens import TokensApi

__all__ = [
    "AgentsApi",
    "BlobsApi",
    "DeadLettersApi",
    "EventTypesApi",
    "EventsApi",
    "GroupsApi",
    "HandlersApi",
    "IndexApi",
    "JobsApi",
    "McpApi",
    "QueueControlApi",
    "QueuesApi",
    "ReplaysApi",
    "RetentionApi",
    "RoutesApi",
    "ScheduledApi",
    "SchedulesApi",
    "TokensApi",
]
