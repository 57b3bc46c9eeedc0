"""Requests that were sent more than once with one Idempotency-Key."""

from trunkline.protocol.errors.base import ConflictError, RequestError


class IdempotencyKeyInvalidError(RequestError):
    code = "idempotency.key_invalid"
    title = "The Idempotency-Key is none"
    remedy = "Send 1 to 255 printable ASCII characters, best a UUID in double quotes; a new one for each new request."


class IdempotencyKeyReusedError(RequestError):
    code, status = "idempotency.key_reused", 422
    title = "The Idempotency-Key belongs to another request"
    remedy = "A key stands for one request with one body: make a new one for what is new."


class IdempotencyInProgressError(ConflictError):
    code, status = "idempotency.in_progress", 409
    title = "The first request with this Idempotency-Key is still at work"
    remedy = "Send the same request again after `Retry-After`; it is answered with the first one's answer."


class IdempotencyOutcomeLostError(ConflictError):
    code, status = "idempotency.outcome_lost", 409
    title = "The request was carried out, but its answer was not kept"
    remedy = "Look at what it was to change before you send it with a new key."
