"""Payloads that lie in the object store instead of in their message."""

from trunkline.protocol.errors.base import NotFoundError, RequestError, UnavailableError
from trunkline.protocol.errors.message import MessageError


class BlobUnknownError(NotFoundError):
    code = "blob.unknown"
    title = "There is no such blob"
    remedy = "It was deleted, or it left the store by age (`blobs.max_age_s`)."


class BlobTooLargeError(RequestError):
    code, status = "blob.too_large", 413
    title = "The blob is larger than the hub accepts"
    remedy = "Send less, or raise `blobs.max_blob_bytes`."


class BlobBrokenError(RequestError):
    code, status = "blob.broken", 400
    title = "The upload ended before the blob was complete"
    remedy = "Send it again; nothing of it was kept."


class BlobRangeError(RequestError):
    code, status = "blob.range", 416
    title = "The blob has no such range of bytes"
    remedy = "Ask for its size with `HEAD`, or leave out the `Range` header."


class BlobStoreFullError(UnavailableError):
    code = "blob.store_full"
    title = "The store of blobs is full; nothing was kept"
    remedy = "Delete blobs, wait until old ones leave, or raise `blobs.max_bytes`."


class BlobDamagedError(UnavailableError):
    code = "blob.damaged"
    title = "The blob's bytes do not match its digest"
    remedy = "Read it again; if that fails too, its sender must publish it anew."


class PayloadGoneError(MessageError):
    code, status = "message.payload_gone", 410
    title = "The payload that the message refers to cannot be had"
    remedy = "Publish the message anew, with its payload."


class PayloadTooLargeError(MessageError):
    code, status = "message.payload_too_large", 413
    title = "The payload is larger than this program takes into memory"
    remedy = "Take it as a stream by annotating the handler with `tl.Blob`, or raise `max_payload_bytes`."
