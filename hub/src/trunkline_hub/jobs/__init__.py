"""Long work of the hub's own: with progress, a pace, pause, resume and cancel; it survives the hub that began it."""

from trunkline_hub.jobs.service import JobRun, JobRunner, Jobs, Work

__all__ = ["JobRun", "JobRunner", "Jobs", "Work"]
