"""Routes: where messages go besides the log."""

from trunkline.protocol.errors.base import ConflictError, NotFoundError


class RouteRuleUnknownError(NotFoundError):
    code, status = "route.unknown", 404
    title = "There is no such route"
    remedy = "List them with `trunkline routes list`; one that was removed is in its revisions."


class RouteLoopError(ConflictError):
    code, status = "route.loop", 409
    title = "Events could go round for ever"
    remedy = "Narrow the types that one of the named routes takes, or let it publish a type that none of them takes."
