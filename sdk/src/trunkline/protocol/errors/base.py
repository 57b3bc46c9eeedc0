"""The tree's root and great branches, and how an error travels (RFC 9457)."""

from collections.abc import Iterable
from typing import ClassVar

import msgspec

PROBLEM_JSON = "application/problem+json"
TYPE_PREFIX = "urn:trunkline:error:"


class FieldError(msgspec.Struct, frozen=True):
    """One wrong value: where (JSON pointer, RFC 6901) and what is wrong with it."""

    pointer: str
    detail: str


def pointer(steps: Iterable[object]) -> str:
    """Return the JSON pointer (RFC 6901) that leads along `steps`; `~` and `/` in a name are escaped."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details, with Trunkline's stable `code` and the `remedy`."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    remedy: str | None = None
    instance: str | None = None
    request_id: str | None = None
    errors: list[FieldError] = []


class TrunklineError(Exception):
    """Root of everything Trunkline raises on purpose."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong inside the hub"
    remedy: ClassVar[str] = "Look up the request id in the hub's log and report it."

    def __init__(self, detail: str = "", *, errors: Iterable[FieldError] = (), request_id: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = list(errors)
        self.request_id = request_id

    def to_problem(self, *, instance: str | None = None, request_id: str | None = None) -> Problem:
        return Problem(
            type=TYPE_PREFIX + self.code,
            title=self.title,
            status=self.status,
            code=self.code,
            detail=self.detail,
            remedy=self.remedy,
            instance=instance,
            request_id=request_id or self.request_id,
            errors=self.errors,
        )


class InternalError(TrunklineError):
    """An unforeseen fault; its details are in the log only."""


class RequestError(TrunklineError):
    code, status = "request.bad", 400
    title = "The request is wrong"
    remedy = "Compare the request with the API reference."


class ConflictError(RequestError):
    code, status = "conflict", 409
    title = "The resource is in a state that forbids this"
    remedy = "Read the resource again and decide anew."


class NotFoundError(TrunklineError):
    code, status = "not_found", 404
    title = "There is no such resource"
    remedy = "List the collection to see what exists."


class UnavailableError(TrunklineError):
    code, status = "unavailable", 503
    title = "The service is not available at the moment"
    remedy = "Try again shortly."
