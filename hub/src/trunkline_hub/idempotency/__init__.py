"""Requests that were sent with a key: done once, however often they come, whichever hub they come to."""

from trunkline_hub.idempotency.service import RequestClaims

__all__ = ["RequestClaims"]
