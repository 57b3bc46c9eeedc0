"""Errors of this hub in the words of A2A 1.0.1 (§5.4)."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from a2a.utils import errors as a2a

from trunkline.protocol.errors import (
    A2AContentTypeError,
    A2AExtensionError,
    A2AOperationError,
    A2APushUnknownError,
    AccessError,
    CursorInvalidError,
    NotFoundError,
    OutboundRefusedError,
    RequestError,
    TaskBusyError,
    TaskFinishedError,
    TaskUnknownError,
    TrunklineError,
)

_log = structlog.get_logger("a2a")
_WORDS: tuple[tuple[type[TrunklineError], type[a2a.A2AError]], ...] = (
    (TaskUnknownError, a2a.TaskNotFoundError),
    (A2APushUnknownError, a2a.TaskNotFoundError),
    (TaskFinishedError, a2a.UnsupportedOperationError),
    (TaskBusyError, a2a.UnsupportedOperationError),
    (A2AOperationError, a2a.UnsupportedOperationError),
    (A2AContentTypeError, a2a.ContentTypeNotSupportedError),
    (A2AExtensionError, a2a.ExtensionSupportRequiredError),
    (CursorInvalidError, a2a.InvalidParamsError),
    (OutboundRefusedError, a2a.InvalidParamsError),
    (AccessError, a2a.InvalidRequestError),
    (NotFoundError, a2a.InvalidParamsError),
    (RequestError, a2a.InvalidParamsError),
)
"""The first that fits; all else is the hub's or the agent's fault."""


def translate(error: TrunklineError) -> a2a.A2AError:
    """Return the error that A2A has for one of ours; our code and remedy go with it."""
    kind = next((theirs for ours, theirs in _WORDS if isinstance(error, ours)), a2a.InternalError)
    told = error.detail + "".join(f"; {field.pointer}: {field.detail}" for field in error.errors)
    return kind(told, {"code": error.code, "remedy": error.remedy})


@contextmanager
def translated(*, finished: type[a2a.A2AError] = a2a.UnsupportedOperationError) -> Iterator[None]:
    """Turn our errors into theirs; `finished` is what a task that has ended is, to this operation."""
    try:
        yield
    except TaskFinishedError as error:
        raise finished(error.detail, {"code": error.code, "remedy": error.remedy}) from None
    except TrunklineError as error:
        raise translate(error) from None
