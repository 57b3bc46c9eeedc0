"""What is done about tasks in the background: keeping their record, following them, calling, mourning."""

from trunkline_hub.tasks.events.book import TaskBook, TaskSweep
from trunkline_hub.tasks.events.mourner import TaskMourner
from trunkline_hub.tasks.events.runner import TaskRunner
from trunkline_hub.tasks.events.watch import TaskWatch

__all__ = ["TaskBook", "TaskMourner", "TaskRunner", "TaskSweep", "TaskWatch"]
