"""Agents made of what speaks otherwise: NATS micro services on the bus, OpenAPI documents."""

from trunkline.protocol.errors import RequestInvalidError
from trunkline.protocol.resources import FoundService, FoundServices, Imported, OpenApiImport, ServicesImported
from trunkline_hub.agents.model import micro, openapi
from trunkline_hub.agents.service.catalogue import Agents
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.micro import ask_services
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database, Tx

_OPENAPI, _NATS = "openapi", "nats"


class Imports:
    """Finds and imports."""

    def __init__(self, bus: HubBus, db: Database, agents: Agents) -> None:
        self._bus = bus
        self._db = db
        self._agents = agents

    async def openapi(self, tx: Tx, by: Principal, workspace: str, name: str, wanted: OpenApiImport) -> Imported:
        """Make an agent of an OpenAPI document; its operations become skills.

        Raises:
            RequestInvalidError, AgentOwnedError, AgentOriginError
        """
        registration, skipped = openapi.registration_of(wanted.document)
        registration.labels = wanted.labels
        await self._agents.import_agent(tx, by, workspace, name, registration, origin=_OPENAPI, origin_url=wanted.url)
        return Imported(agent=name, skills=len(registration.skills), skipped=skipped)

    async def services(self) -> FoundServices:
        """Return the NATS micro services that answer on the bus now.

        Raises:
            BusUnavailableError
        """
        return FoundServices(items=micro.services_of(await ask_services(self._bus)))

    async def import_services(self, by: Principal, workspace: str, names: list[str]) -> ServicesImported:
        """Make agents of the services of these names, or of all; each in a transaction of its own.

        Raises:
            RequestInvalidError: one of them does not answer, or cannot be an agent.
            BusUnavailableError, AgentOwnedError, AgentOriginError
        """
        found = {service.name: service for service in (await self.services()).items}
        missing = [name for name in names if name not in found]
        if missing:
            raise RequestInvalidError(f"Nothing on the bus answers as {', '.join(missing)}")
        done = [await self._import(by, workspace, found[name]) for name in names or found]
        return ServicesImported(items=done)

    async def _import(self, by: Principal, workspace: str, service: FoundService) -> Imported:
        async with self._db.write() as tx:
            await self._agents.import_agent(
                tx, by, workspace, service.name, service.registration, origin=_NATS, origin_url=f"nats:{service.name}"
            )
        return Imported(agent=service.name, skills=len(service.registration.skills), skipped=service.problems)
