"""Long work."""

from trunkline.protocol.errors.base import ConflictError, NotFoundError
from trunkline.protocol.errors.message import MessageError


class TaskUnknownError(NotFoundError):
    code, status = "task.unknown", 404
    title = "There is no such task, or it is not yours"
    remedy = "List yours with `trunkline tasks list`."


class TaskFinishedError(ConflictError):
    code, status = "task.finished", 409
    title = "The task has come to its end"
    remedy = "Start a new one; with the same `context_id` it belongs to the same conversation."


class TaskBusyError(ConflictError):
    code, status = "task.busy", 409
    title = "The task does not wait for a message now"
    remedy = "Wait until it is `input-required` or `auth-required`, or cancel it."


class TaskContextError(MessageError):
    code, status = "task.context_mismatch", 422
    title = "The task belongs to another context"
    remedy = "Leave `context_id` out: it is known from the task."


class TaskInputError(MessageError):
    code, status = "task.input_invalid", 422
    title = "The message cannot be read as the skill's input"
    remedy = "Send what the skill's schema asks for as one data part, or as text where it takes text."


class TaskNeededError(ConflictError):
    code, status = "task.needed", 409
    title = "The skill has to ask its caller, and a plain call cannot be asked"
    remedy = "Start it as a task: `client.tasks.start(…)`, or POST to /tasks."
