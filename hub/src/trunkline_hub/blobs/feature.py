"""Puts blobs together."""

from collections.abc import Awaitable, Callable

from trunkline_hub.blobs.api import router
from trunkline_hub.bus.blobs import BlobStore, BlobSweep
from trunkline_hub.core.feature import Feature

Workspaces = Callable[[], Awaitable[list[str]]]


def build(store: BlobStore, workspaces: Workspaces) -> Feature:
    return Feature(
        name="blobs",
        routes=[router],
        components=[BlobSweep(store, workspaces)],
        permissions={
            "blobs:read": "Read blobs: payloads too large for a message.",
            "blobs:write": "Store and delete blobs; whoever sends large payloads needs it.",
        },
    )
