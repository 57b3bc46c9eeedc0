"""What is to happen later: delayed messages, long retries, cron schedules."""

from trunkline_hub.schedules.service import ScheduledMessages, Schedules

__all__ = ["ScheduledMessages", "Schedules"]
