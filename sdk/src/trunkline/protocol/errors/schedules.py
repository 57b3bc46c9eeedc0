"""What is to happen later."""

from trunkline.protocol.errors.base import NotFoundError, UnavailableError


class ScheduleUnknownError(NotFoundError):
    code = "schedule.unknown"
    title = "There is no such schedule"
    remedy = "`trunkline schedules list` shows those that are declared."


class ScheduledUnknownError(NotFoundError):
    code = "scheduled.unknown"
    title = "No message with this id waits for its time"
    remedy = "It may have gone out already; `trunkline scheduled list` shows those that wait."


class ScheduleFullError(UnavailableError):
    code = "schedule.full"
    title = "Too much is scheduled already; nothing was accepted"
    remedy = "Cancel what is not needed, or raise `bus.schedule_max_bytes`."
