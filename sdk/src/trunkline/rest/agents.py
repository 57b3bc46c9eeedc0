"""The catalogue of agents over HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec

from trunkline.http import HttpApi, segment
from trunkline.protocol import frames, resources
from trunkline.protocol.errors import UnavailableError

_Readers = list[frames.Reader]
_RETRY_S = 0.5
_ID, _DATA = b"id: ", b"data: "


class AgentsApi:
    """The catalogue of agents."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.AgentPage:
        """List agents by name; filters: `skill`, `tag`, `version` (a range such as `^1.2`), `protocol`, `label`
        (`key=value`, or several), `origin`, `state`, `limit`, `cursor`."""
        return await self._api.get("/agents", resources.AgentPage, **filters)

    async def search(self, text: str, **filters: Any) -> resources.AgentPage:
        """Find agents by words, the best first; filters as of `list`."""
        return await self.list(text=text, **filters)

    async def watch(self, *, after: int | None = None) -> AsyncGenerator[resources.AgentChange, None]:
        """Yield what changes: agents registered, updated and removed, and how they and their instances are.

        From now on, or `after` the revision of the last change seen. Goes on
        over restarts of the hub, without a gap, until it is closed.
        """
        seen = after
        while True:
            try:
                async with contextlib.aclosing(self._watched(seen)) as lines:
                    async for line in lines:
                        if seen is None and line.startswith(_ID):
                            seen = int(line.removeprefix(_ID))
                        elif line.startswith(_DATA) and line != _DATA:
                            change = msgspec.json.decode(line.removeprefix(_DATA), type=resources.AgentChange)
                            seen = change.revision
                            yield change
            except UnavailableError:
                pass
            await asyncio.sleep(_RETRY_S)

    async def _watched(self, after: int | None) -> AsyncGenerator[bytes, None]:
        pending = b""
        pieces = self._api.stream("/agents/watch", [] if after is None else [("after", str(after))])
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                *whole, pending = (pending + piece).replace(b"\r", b"").split(b"\n")
                for line in whole:
                    yield line

    async def history(self, name: str, **paging: Any) -> resources.AgentHistory:
        """Return what happened to an agent and its instances, the newest first; paging: `limit`, `cursor`."""
        return await self._api.get(f"/agents/{segment(name)}/history", resources.AgentHistory, **paging)

    async def import_openapi(
        self,
        name: str,
        document: dict[str, Any] | str | None = None,
        *,
        url: str = "",
        labels: dict[str, str] | None = None,
    ) -> resources.Imported:
        """Make an agent of an OpenAPI document; its operations become skills.

        The document is an object, or text in JSON or YAML; without one the hub gets it from `url`.
        """
        wanted = resources.OpenApiImport(
            document=document if isinstance(document, dict) else None, text=document if isinstance(document, str) else "",
            url=url, labels=labels or {},
        )  # fmt: skip
        return await self._api.put(f"/imports/openapi/{segment(name)}", resources.Imported, wanted)

    async def discover_nats(self) -> resources.FoundServices:
        """Return the NATS micro services that answer on the bus, and the agents they would be."""
        return await self._api.get("/imports/nats", resources.FoundServices)

    async def import_nats(self, *names: str) -> resources.ServicesImported:
        """Make agents of these NATS micro services; without names, of all that answer."""
        return await self._api.post(
            "/imports/nats", resources.ServicesImported, resources.ServiceImport(names=list(names))
        )

    async def get(self, name: str) -> resources.Agent:
        """Return one agent, or raise AgentUnknownError."""
        return await self._api.get(f"/agents/{segment(name)}", resources.Agent)

    async def register(self, name: str, registration: frames.Registration) -> frames.Registered:
        """Register an agent or bring its registration up to date."""
        return await self._api.put(f"/agents/{segment(name)}", frames.Registered, registration)

    async def remove(self, name: str) -> None:
        """Remove an agent from the catalogue."""
        await self._api.delete(f"/agents/{segment(name)}")

    async def weights(self, name: str) -> resources.Weights:
        """Return what operators said of an agent's instances and versions."""
        return await self._api.get(f"/agents/{segment(name)}/weights", resources.Weights)

    async def weigh(self, name: str, target: str, weight: float) -> resources.Weights:
        """Say what a running instance, or a version, takes; callers hear of it at once."""
        path = f"/agents/{segment(name)}/weights/{segment(target)}"
        return await self._api.put(path, resources.Weights, resources.WeightRequest(weight=weight))

    async def unweigh(self, name: str, target: str) -> None:
        """Leave a weight to the agent again."""
        await self._api.delete(f"/agents/{segment(name)}/weights/{segment(target)}")

    async def readers(self, name: str) -> Sequence[frames.Reader]:
        """Return the queues an agent of one's own takes work from, as they are set now."""
        return await self._api.get(f"/agents/{segment(name)}/readers", _Readers)


class SkillsApi:
    """The skills of all agents."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def search(self, text: str | None = None, **filters: Any) -> resources.SkillPage:
        """Find skills: by words, the best first, or else by agent and name.

        Filters: `skill` (its name), `tag`, `agent`, and of the agent `version`, `protocol`, `label`, `origin`, `state`;
        `limit`, `cursor`.
        """
        return await self._api.get("/skills", resources.SkillPage, text=text, **filters)

    async def match(self, match: resources.SkillMatch) -> resources.SkillPage:
        """Find the skills that can take an input, or all that fits a schema, and give what fits another."""
        return await self._api.post("/skills/match", resources.SkillPage, match)
