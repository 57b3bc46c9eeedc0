"""The gRPC binding, on a port of its own."""

import asyncio
from typing import ClassVar

import structlog

from trunkline_hub.core.component import Component
from trunkline_hub.gateways.a2a.ports import Engines
from trunkline_hub.gateways.a2a.service import Cards
from trunkline_hub.gateways.a2a.settings import A2ASettings

_log = structlog.get_logger("a2a")


class GrpcDoor(Component):
    """Serves A2A over gRPC while the hub runs."""

    name: ClassVar[str] = "a2a-grpc"

    def __init__(self, settings: A2ASettings, engines: Engines, cards: Cards) -> None:
        super().__init__()
        self._settings = settings
        self._engines = engines
        self._cards = cards

    async def run(self) -> None:
        engine = await self._engines.get()
        server, port = await engine.serve_grpc(self._settings.grpc_host, self._settings.grpc_port or 0)
        self._cards.grpc_address = f"{self._settings.grpc_host}:{port}"
        _log.info("grpc_listening", address=self._cards.grpc_address)
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await server.stop(grace=1.0)
