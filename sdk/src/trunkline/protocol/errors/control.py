"""Operating queues and dead letters."""

from trunkline.protocol.errors.base import ConflictError, NotFoundError


class QueueDrainingError(ConflictError):
    code, status = "queue.draining", 409
    title = "The queue takes no new work at the moment"
    remedy = "Send it later or to another queue; `trunkline queues resume` opens the queue again."


class QueueBusyError(ConflictError):
    code, status = "queue.busy", 409
    title = "A purge, move or deletion of the queue is under way"
    remedy = "Wait for that job, or cancel it: `trunkline jobs list --state running`."


class QueueMessageUnknownError(NotFoundError):
    code = "queue.message_unknown"
    title = "The queue holds no such message"
    remedy = "It may have been handled by now; `trunkline queues peek` shows those that wait."


class QueueMessageTakenError(ConflictError):
    code, status = "queue.message_taken", 409
    title = "A worker has the message in its hands"
    remedy = "Let the worker finish, or try again when its lease has ended."


class BulkCountError(ConflictError):
    code, status = "bulk.more_than_expected", 409
    title = "More would be touched than was expected"
    remedy = "Do a dry run again, look at what it counts, and confirm that number."


class DeadLetterDiscardedError(ConflictError):
    code, status = "dead_letter.discarded", 409
    title = "The dead letter has been discarded already"
    remedy = "Read it to see by whom and why; it can still be redriven by its id."


class DeadLetterHomelessError(ConflictError):
    code, status = "dead_letter.homeless", 409
    title = "Nobody reads where the dead letter came from any more"
    remedy = "Declare the queue or start the group's agent again, or redrive the letter to another queue."


class DeadLetterUneditableError(ConflictError):
    code, status = "dead_letter.uneditable", 409
    title = "The dead letter's payload cannot be replaced"
    remedy = "Only a CloudEvent in JSON has data that can be edited; redrive it as it is, or discard it."
