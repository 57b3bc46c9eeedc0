"""Puts tasks together."""

from collections.abc import Awaitable, Callable

from trunkline.protocol import subjects
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.signals import HubCalls
from trunkline_hub.core.clock import Clock
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.tasks.api import router
from trunkline_hub.tasks.events import TaskBook, TaskMourner, TaskRunner, TaskSweep
from trunkline_hub.tasks.ports import QueueLane
from trunkline_hub.tasks.service import Tasks
from trunkline_hub.tasks.settings import TasksSettings

Workspaces = Callable[[], Awaitable[list[str]]]


def build(
    settings: TasksSettings, bus: HubBus, db: Database, clock: Clock, tasks: Tasks, lanes: tuple[HubCalls, QueueLane],
    workspaces: Workspaces, *, hub_id: str,
) -> Feature:  # fmt: skip
    calls, queues = lanes

    async def dead() -> list[str]:
        return [subjects.dead_stream(workspace) for workspace in await workspaces()]

    book = TaskBook(bus, db, clock, workspaces, keep_s=settings.keep_s)
    return Feature(
        name="tasks",
        routes=[router],
        components=[
            tasks.watch,
            book,
            TaskSweep(db, clock, tasks.hand_over),
            TaskMourner(bus, dead, clock, tasks.latest, tasks.fail),
            TaskRunner(bus, db, clock, (calls, tasks.doers), queues, workspaces, hub_id=hub_id),
        ],
        gauges=[book.gauges],
        permissions={
            "tasks:run": "Start tasks; see, answer and cancel one's own.",
            "tasks:read": "See everybody's tasks, with what was said and made.",
            "tasks:write": "Answer and cancel everybody's tasks.",
        },
    )
