"""Errors become problem details here, and only here (RFC 9457)."""

from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    InternalServerException,
    MethodNotAllowedException,
    SerializationException,
    ValidationException,
)

from trunkline.protocol.errors import (
    PROBLEM_JSON,
    FieldError,
    IdempotencyInProgressError,
    InternalError,
    MediaTypeUnsupportedError,
    MethodNotAllowedError,
    PermissionDeniedError,
    RequestError,
    RequestInvalidError,
    RequestMalformedError,
    RequestTooLargeError,
    RouteUnknownError,
    TrunklineError,
    UnavailableError,
)
from trunkline.protocol.ids import new_id
from trunkline.protocol.validation import field_error
from trunkline_hub.web.observe import request_id

_log = structlog.get_logger("web")
_BY_STATUS: dict[int, type[TrunklineError]] = {
    404: RouteUnknownError,
    405: MethodNotAllowedError,
    413: RequestTooLargeError,
    415: MediaTypeUnsupportedError,
}
_RETRY_AFTER_S = "1"
_LATER = (UnavailableError, IdempotencyInProgressError)

AnyRequest = Request[Any, Any, Any]


def answer(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Turn any exception into a problem; what is unforeseen is logged and told without details."""
    known = translate(error)
    if isinstance(known, InternalError):
        _log.error("request_failed", path=request.url.path, exc_info=error)
    identity = request_id(request.scope)
    problem = known.to_problem(instance=request.url.path, request_id=identity or new_id())
    headers = {} if identity else {"X-Request-Id": problem.request_id or ""}  # refused before any route was found
    headers |= {"Retry-After": _RETRY_AFTER_S} if isinstance(known, _LATER) else {}
    if known.status == 401:  # noqa: PLR2004 -- RFC 9110 demands the challenge
        headers["WWW-Authenticate"] = _challenge(request, "") or 'Bearer realm="trunkline"'
    if isinstance(known, PermissionDeniedError) and (wanted := _challenge(request, "insufficient_scope")):
        headers["WWW-Authenticate"] = wanted
    if isinstance(error, MethodNotAllowedException) and error.headers:
        headers |= {str(name): str(value) for name, value in error.headers.items()}
    return Response(msgspec.json.encode(problem), status_code=known.status, media_type=PROBLEM_JSON, headers=headers)


def _challenge(request: AnyRequest, error: str) -> str:
    """Return what a route itself says to those who may not use it, if it has anything to say."""
    handler: Any = request.scope.get("route_handler")
    say = handler.opt.get("challenge") if handler else None
    return str(say(request, error)) if say is not None else ""


def translate(error: Exception) -> TrunklineError:
    """Return what of the catalogue an exception is."""
    if isinstance(error, TrunklineError):
        return error
    if isinstance(error, ValidationException):
        return _validation(error)
    if isinstance(
        error, SerializationException | UnicodeDecodeError | RecursionError
    ):  # bytes or depths it cannot take
        return RequestMalformedError(_first_line(error))
    if isinstance(error, InternalServerException) and isinstance(error.__cause__, msgspec.ValidationError):
        return _misnamed(error.__cause__)
    if isinstance(error, HTTPException):
        return _http(error)
    return InternalError("The hub met an unforeseen fault; its log has it under this request id")


def _misnamed(error: msgspec.ValidationError) -> TrunklineError:
    """Return what is wrong with a field that has the name of a service: the library takes it for the service."""
    field = field_error(str(error))
    return RequestInvalidError(errors=[FieldError(field.pointer.removeprefix("/data"), field.detail)])


def _http(error: HTTPException) -> TrunklineError:
    for status, kind in _BY_STATUS.items():
        if error.status_code == status:
            return kind()
    if isinstance(error, ClientException):
        return RequestMalformedError(error.detail)
    return RequestError(error.detail) if error.status_code < InternalError.status else InternalError()


def _validation(error: ValidationException) -> TrunklineError:
    extra = error.extra if isinstance(error.extra, list) else []
    fields = [FieldError(_pointer(item), str(item.get("message", ""))) for item in extra if isinstance(item, dict)]
    if fields:
        return RequestInvalidError(errors=fields)
    return RequestMalformedError(error.detail)


def _pointer(item: dict[str, Any]) -> str:
    where = "/".join(str(item.get("key", "")).split("."))
    if item.get("source") in {None, "body"}:
        return f"/{where.removeprefix('data/')}" if where else ""
    return f"{item['source']}:{where}"


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
