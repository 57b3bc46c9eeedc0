"""What the hub answers over HTTP, one small class per kind of resource."""

from trunkline.http import HttpApi
from trunkline.rest.a2a import A2AApi
from trunkline.rest.agents import AgentsApi, SkillsApi
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
from trunkline.rest.tasks import TasksApi
from trunkline.rest.tokens import TokensApi

__all__ = [
    "A2AApi",
    "AgentsApi",
    "BlobsApi",
    "DeadLettersApi",
    "EventTypesApi",
    "EventsApi",
    "GroupsApi",
    "HandlersApi",
    "HubApi",
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
    "SkillsApi",
    "TasksApi",
    "TokensApi",
]


class HubApi:
    """All of them, by name, over one connection."""

    def __init__(self, api: HttpApi) -> None:
        self.api = api
        self.a2a = A2AApi(api)
        self.agents = AgentsApi(api)
        self.blobs = BlobsApi(api)
        self.dead_letters = DeadLettersApi(api)
        self.event_types = EventTypesApi(api)
        self.events = EventsApi(api)
        self.groups = GroupsApi(api)
        self.handlers = HandlersApi(api)
        self.index = IndexApi(api)
        self.jobs = JobsApi(api)
        self.mcp = McpApi(api)
        self.queues = QueuesApi(api)
        self.replays = ReplaysApi(api)
        self.retention = RetentionApi(api)
        self.routes = RoutesApi(api)
        self.scheduled = ScheduledApi(api)
        self.skills = SkillsApi(api)
        self.schedules = SchedulesApi(api)
        self.tasks = TasksApi(api)
        self.tokens = TokensApi(api)
