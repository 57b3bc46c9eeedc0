"""What the hub answers over HTTP, one small class per kind of resource."""

from trunkline.rest.agents import AgentsApi
from trunkline.rest.dead_letters import DeadLettersApi
from trunkline.rest.event_types import EventTypesApi
from trunkline.rest.events import EventsApi
from trunkline.rest.groups import GroupsApi
from trunkline.rest.index import IndexApi
from trunkline.rest.jobs import JobsApi
from trunkline.rest.queues import QueuesApi
from trunkline.rest.routes import RoutesApi
from trunkline.rest.schedules import ScheduledApi, SchedulesApi
from trunkline.rest.tokens import TokensApi

__all__ = [
    "AgentsApi",
    "DeadLettersApi",
    "EventTypesApi",
    "EventsApi",
    "GroupsApi",
    "IndexApi",
    "JobsApi",
    "QueuesApi",
    "RoutesApi",
    "ScheduledApi",
    "SchedulesApi",
    "TokensApi",
]
