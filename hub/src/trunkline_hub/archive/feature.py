"""Puts the archive together."""

from collections.abc import Awaitable, Callable

from trunkline_hub.archive.api import router
from trunkline_hub.archive.service import Archives, Exporter
from trunkline_hub.core.feature import Feature


def build(archives: Archives, workspaces: Callable[[], Awaitable[list[str]]]) -> Feature:
    running = [Exporter(archives, workspaces)] if archives.shelf is not None else []
    return Feature(name="archive", routes=[router], components=running)
