"""What was sent is wrong."""

from trunkline.protocol.errors.base import NotFoundError, RequestError


class RequestMalformedError(RequestError):
    code, status = "request.malformed", 400
    title = "The request body cannot be decoded"
    remedy = "Send UTF-8 JSON (or MessagePack, where it is declared) with the media type the operation names."


class RequestInvalidError(RequestError):
    code, status = "request.invalid", 422
    title = "The request does not match the operation's schema"
    remedy = "Correct the fields listed under `errors`."


class RequestTooLargeError(RequestError):
    code, status = "request.too_large", 413
    title = "The request body is larger than the hub accepts"
    remedy = "Send less at once, or raise `web.max_body_bytes`."


class PreconditionFailedError(RequestError):
    code, status = "request.precondition_failed", 412
    title = "It is not what `If-Match` or `If-None-Match` says"
    remedy = "Read it again, and decide anew with the `ETag` it has now."


class RateLimitedError(RequestError):
    code, status = "request.rate_limited", 429
    title = "More requests than this principal may send"
    remedy = "Wait for `Retry-After`; `RateLimit` tells what is left. An operator sets `limits`."


class CursorInvalidError(RequestError):
    code, status = "request.cursor_invalid", 400
    title = "The page cursor is not one this hub issued"
    remedy = "Start again without `cursor`, then follow `next`."


class MethodNotAllowedError(RequestError):
    code, status = "request.method_not_allowed", 405
    title = "The resource does not support this method"
    remedy = "See the `Allow` header for the methods it supports."


class MediaTypeUnsupportedError(RequestError):
    code, status = "request.media_type_unsupported", 415
    title = "The media type is not supported here"
    remedy = "Send `application/json` or `application/msgpack`, or a CloudEvent where the operation takes one."


class ProtocolUnsupportedError(RequestError):
    code, status = "request.protocol_unsupported", 422
    title = "The hub does not speak this version of the protocol"
    remedy = "Use a version that the detail names, or a hub that speaks yours; see `docs/protocol/`."


class RouteUnknownError(NotFoundError):
    code = "not_found.route"
    title = "There is nothing at this address"
    remedy = "See `/api/v1/openapi.json` for what there is."
