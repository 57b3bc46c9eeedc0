"""Long work: tasks with the life cycle of A2A, whoever does them and in whatever protocol they were asked for."""

from trunkline_hub.tasks.service import Tasks

__all__ = ["Tasks"]
