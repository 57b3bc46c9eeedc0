"""Long jobs, and the history of declared things."""

from trunkline.protocol.errors.base import ConflictError, NotFoundError


class JobUnknownError(NotFoundError):
    code, status = "job.unknown", 404
    title = "There is no such job"
    remedy = "List them with `trunkline jobs list`."


class JobStateError(ConflictError):
    code, status = "job.wrong_state", 409
    title = "The job's state does not allow this"
    remedy = "Only a running job can be paused, only a paused one resumed, and a finished one stays as it is."


class JobFailedError(ConflictError):
    code, status = "job.failed", 409
    title = "The job failed"
    remedy = "Remove the cause that it names, then `trunkline jobs resume` it."


class RevisionUnknownError(NotFoundError):
    code, status = "revision.unknown", 404
    title = "There is no such revision"
    remedy = "List the revisions that are kept, and name one of their numbers."
