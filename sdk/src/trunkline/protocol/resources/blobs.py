"""Payloads too large for a message, as the hub keeps them."""

import msgspec


class StoredBlob(msgspec.Struct, kw_only=True):
    """A blob in the hub's store. `url` is what a message's `dataref` says."""

    id: str
    url: str
    size_bytes: int
    content_type: str
    digest: str
    """`sha-256=:…:`, as in the header `Repr-Digest` (RFC 9530)."""
    created_at: str
