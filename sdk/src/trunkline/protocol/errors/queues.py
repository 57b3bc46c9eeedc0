"""Queues and dead letters."""

from trunkline.protocol.errors.base import ConflictError, NotFoundError, RequestError, UnavailableError


class QueueUnknownError(NotFoundError):
    code = "queue.unknown"
    title = "There is no such queue"
    remedy = "Declare it with `trunkline queues declare`, or start an agent that takes its work."


class QueueInUseError(ConflictError):
    code, status = "queue.in_use", 409
    title = "The queue still holds messages or workers"
    remedy = "Let the workers finish it, then try again."


class QueueFullError(UnavailableError):
    code = "queue.full"
    title = "The queue's store is full; nothing was accepted"
    remedy = "Let workers catch up, wait for room (`wait_s`), or raise the queue's limits or `bus.tasks_max_bytes`."


class QueueClassUnknownError(RequestError):
    code = "queue.class_unknown"
    title = "The queue has no such priority class"
    remedy = "Declare the class with `trunkline queues declare NAME --class high=4`, or use one that the queue has."


class DeadLetterUnknownError(NotFoundError):
    code = "dead_letter.unknown"
    title = "There is no such dead letter"
    remedy = "`trunkline dead list` shows those that are waiting."


class DeadLetterRedrivenError(ConflictError):
    code, status = "dead_letter.redriven", 409
    title = "The dead letter has been redriven already"
    remedy = "Look for its new message; if that died too, redrive the new dead letter."
