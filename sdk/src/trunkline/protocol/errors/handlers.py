"""Declared handlers."""

from trunkline.protocol.errors.base import ConflictError, NotFoundError


class HandlerUnknownError(NotFoundError):
    code = "handler.unknown"
    title = "There is no such handler"
    remedy = "List them with `trunkline handlers list`."


class HandlerLoopError(ConflictError):
    code = "handler.loop"
    title = "The handler would take what it publishes itself"
    remedy = "Publish a type that its own patterns do not take in."
