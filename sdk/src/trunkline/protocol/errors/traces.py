"""Groups of readers, and the paths of messages."""

from trunkline.protocol.errors.base import ConflictError, NotFoundError


class GroupUnknownError(NotFoundError):
    code = "group.unknown"
    title = "There is no such group"
    remedy = "`trunkline groups list` shows the groups; an agent makes its own when it registers."


class GroupInUseError(ConflictError):
    code, status = "group.in_use", 409
    title = "Workers still read as this group"
    remedy = "Stop its agents, then try again, or remove it by force."


class TraceUnknownError(NotFoundError):
    code = "trace.unknown"
    title = "Nothing is on record about this message"
    remedy = "Check the id. Work that nobody has taken yet leaves no record, and records leave with the log."
