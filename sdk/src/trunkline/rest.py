"""What the hub answers over HTTP, one small class per kind of resource."""

from typing import Any

from trunkline.http import HttpApi, segment
from trunkline.protocol import frames, resources


class AgentsApi:
    """The catalogue of agents."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.AgentPage:
        """List agents; filters: `skill`, `state`, `limit`, `cursor`."""
        return await self._api.get("/agents", resources.AgentPage, **filters)

    async def get(self, name: str) -> resources.Agent:
        """Return one agent, or raise AgentUnknownError."""
        return await self._api.get(f"/agents/{segment(name)}", resources.Agent)

    async def register(self, name: str, registration: frames.Registration) -> frames.Registered:
        """Register an agent or bring its registration up to date."""
        return await self._api.put(f"/agents/{segment(name)}", frames.Registered, registration)

    async def remove(self, name: str) -> None:
        """Remove an agent from the catalogue."""
        await self._api.delete(f"/agents/{segment(name)}")


class QueuesApi:
    """Queues and what waits in them."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.QueuePage:
        """List queues; filters: `limit`, `cursor`."""
        return await self._api.get("/queues", resources.QueuePage, **filters)

    async def get(self, name: str) -> resources.Queue:
        """Return one queue with its depth, or raise QueueUnknownError."""
        return await self._api.get(f"/queues/{segment(name)}", resources.Queue)

    async def exists(self, name: str) -> None:
        """Raise QueueUnknownError unless the queue is declared."""
        await self._api.get(f"/queues/{segment(name)}/declaration", resources.QueueDeclaration)

    async def declare(self, name: str, declaration: resources.QueueDeclaration) -> resources.Queue:
        """Create a queue or change its settings."""
        return await self._api.put(f"/queues/{segment(name)}", resources.Queue, declaration)


class DeadLettersApi:
    """Messages that could not be processed."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.DeadLetterPage:
        """List dead letters, newest first; filters: `reader`, `lane`, `reason`, `waiting`, `limit`, `cursor`."""
        return await self._api.get("/dead-letters", resources.DeadLetterPage, **filters)

    async def get(self, letter_id: str) -> resources.DeadLetterDetail:
        """Return one dead letter with payload and attempts, or raise DeadLetterUnknownError."""
        return await self._api.get(f"/dead-letters/{segment(letter_id)}", resources.DeadLetterDetail)

    async def redrive(self, letter_id: str) -> resources.Redriven:
        """Send a dead letter back to where it came from; the message keeps its id."""
        return await self._api.post(f"/dead-letters/{segment(letter_id)}/redrive", resources.Redriven)


class EventsApi:
    """The event log."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def query(self, **filters: Any) -> resources.EventPage:
        """Read the log; filters: `type`, `subject`, `correlation_id`, `since`, `newest`, `limit`, `cursor`."""
        return await self._api.get("/events", resources.EventPage, **filters)


class TokensApi:
    """API keys."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def list(self, **filters: Any) -> resources.TokenPage:
        """List the workspace's tokens; filters: `limit`, `cursor`."""
        return await self._api.get("/tokens", resources.TokenPage, **filters)

    async def create(self, request: resources.TokenRequest) -> resources.TokenCreated:
        """Create a token; its secret is in this answer and never again."""
        return await self._api.post("/tokens", resources.TokenCreated, request)

    async def revoke(self, token_id: str) -> None:
        """Revoke a token at once."""
        await self._api.delete(f"/tokens/{segment(token_id)}")
