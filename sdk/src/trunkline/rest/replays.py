"""The past of the event log over HTTP."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from trunkline.http import HttpApi, segment
from trunkline.protocol import resources
from trunkline.protocol.resources import FileFormat, Job, Selection


class ReplaysApi:
    """Replays: the past of the log played again, as jobs of the hub."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def to_group(self, group: str, *types: str, **options: Any) -> Job:
        """Send past events once more to one group, and to no other.

        Its handlers see `ctx.is_replay`. Options: `since`, `until`, `after_seq`, `until_seq`, `subject`,
        `correlation_id` choose the events; `speed` (1 is the original pace) or `rate_per_s` set the pace.

        Raises:
            GroupUnknownError, RequestInvalidError
        """
        return await self.start(resources.ReplayRequest(types=list(types), target="group", group=group, **options))

    async def to_new_group(self, group: str, *types: str, follow: bool = False, **options: Any) -> Job:
        """Make a group and send it past events; with `follow` it goes on with what happens from now on.

        Raises:
            GroupExistsError, RequestInvalidError
        """
        wanted = resources.ReplayRequest(types=list(types), target="new_group", group=group, follow=follow, **options)
        return await self.start(wanted)

    async def to_file(self, *types: str, format: FileFormat = "ndjson.zst", **options: Any) -> Job:  # noqa: A002 -- as in the API
        """Write past events into a file on the hub; fetch it with `download` once the job has completed."""
        return await self.start(resources.ReplayRequest(types=list(types), target="file", format=format, **options))

    async def dry_run(self, *types: str, **options: Any) -> Job:
        """Count what a replay would send: the job's result has types, first, last and a sample."""
        return await self.start(resources.ReplayRequest(types=list(types), target="dry_run", **options))

    async def start(self, wanted: resources.ReplayRequest) -> Job:
        """Start any replay; follow it with `client.jobs`."""
        return await self._api.post("/replays", Job, wanted)

    def download(self, replay_id: str) -> AsyncGenerator[bytes, None]:
        """Yield the file of a replay, piece by piece.

        Raises:
            ReplayFileUnknownError
        """
        return self._api.stream(f"/replays/{segment(replay_id)}/file")

    def export(self, selection: Selection) -> AsyncGenerator[bytes, None]:
        """Yield past events as lines of JSON, in pieces as they come; archived ones included."""
        query = msgspec.to_builtins(selection)
        types = query.pop("types", [])
        pairs = [("type", pattern) for pattern in types] + [(name, str(value)) for name, value in query.items()]
        return self._api.stream("/events/export", pairs)
