"""Rules about blobs: their names, and which part of one is asked for. Pure."""

import base64
import re

from trunkline.protocol import media
from trunkline.protocol.errors import BlobRangeError, BlobUnknownError

_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def check_id(blob_id: str) -> str:
    """Return an id as it can be one.

    Raises:
        BlobUnknownError: nothing can be called that.
    """
    if not _ID.fullmatch(blob_id):
        raise BlobUnknownError(f"There is no blob {blob_id!r}")
    return blob_id


def content_type(given: str) -> str:
    """Return the media type of an upload; bytes of no known type where none, or nonsense, is given."""
    return given if media.is_media_type(given) else media.OCTETS


def asked_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return (start, end) of the one range asked for, end excluded; None where the whole is to be sent.

    What is no single range of bytes is passed over, as RFC 9110 §14.2 allows.

    Raises:
        BlobRangeError: the range lies outside of the blob.
    """
    match = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise BlobRangeError(f"The blob has {size:,} bytes; {header!r} asks for none of them")
    return start, end


def digest_header(sha256: bytes) -> str:
    """Return a digest as `Repr-Digest` carries it (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(sha256).decode()}:"
