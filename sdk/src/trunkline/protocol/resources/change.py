"""How a document differs from what was approved."""

from typing import Any

import msgspec


class Change(msgspec.Struct, kw_only=True):
    """One difference between what was approved and what was found; None where there was, or is, nothing."""

    path: str
    """JSON pointer (RFC 6901) into the document."""
    before: Any
    after: Any
