"""Agents made of what speaks otherwise: NATS micro services on the bus, OpenAPI documents."""

import asyncio
from http import HTTPStatus

from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.resources import FoundService, FoundServices, Imported, OpenApiImport, ServicesImported
from trunkline_hub.agents.model import micro, openapi
from trunkline_hub.agents.model.document import document_of
from trunkline_hub.agents.service.catalogue import Agents
from trunkline_hub.bus import HubBus
from trunkline_hub.bus.micro import ask_services
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Database
from trunkline_hub.outbound import Outbound

_OPENAPI = "openapi"
_ACCEPT = {"Accept": "application/yaml, application/json;q=0.9, */*;q=0.5"}
_REDIRECTS = 3


class Imports:
    """Finds and imports."""

    def __init__(self, bus: HubBus, db: Database, agents: Agents, outbound: Outbound) -> None:
        self._bus = bus
        self._db = db
        self._agents = agents
        self._outbound = outbound

    async def openapi(self, by: Principal, workspace: str, name: str, wanted: OpenApiImport) -> Imported:
        """Make an agent of an OpenAPI document; its operations become skills.

        Raises:
            RequestInvalidError, AgentOwnedError, AgentOriginError, OutboundErrors
        """
        document = wanted.document
        if document is None:
            text = wanted.text or await self._fetch(wanted.url)
            document = await asyncio.to_thread(document_of, text)
        registration, skipped = openapi.registration_of(document)
        registration.labels = wanted.labels
        async with self._db.write() as tx:
            await self._agents.import_agent(
                tx, by, workspace, name, registration, origin=_OPENAPI, origin_url=wanted.url
            )
        return Imported(agent=name, skills=len(registration.skills), skipped=skipped)

    async def _fetch(self, url: str) -> str:
        if not url:
            raise RequestInvalidError(errors=[FieldError("", "give a `document`, its `text`, or its `url`")])
        async with self._outbound.request("GET", url, headers=_ACCEPT, redirects=_REDIRECTS) as answer:
            body = await answer.read()
        if answer.status != HTTPStatus.OK:
            raise RequestInvalidError(f"There is no document: {url} was answered with status {answer.status}")
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise RequestInvalidError(f"What is at {url} is not text in UTF-8") from None

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
                tx,
                by,
                workspace,
                service.name,
                service.registration,
                origin=micro.ORIGIN,
                origin_url=f"nats:{service.name}",
            )
        return Imported(agent=service.name, skills=len(service.registration.skills), skipped=service.problems)
