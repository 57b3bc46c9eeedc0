"""The library's side in one piece."""

import asyncio
from collections.abc import Callable
from typing import Any

from trunkline_hub.gateways.a2a.providers.sdk import grpc
from trunkline_hub.gateways.a2a.providers.sdk.client import Courier
from trunkline_hub.gateways.a2a.providers.sdk.handler import Handler
from trunkline_hub.gateways.a2a.providers.sdk.http import HttpBindings
from trunkline_hub.gateways.a2a.providers.sdk.signing import CardSigner
from trunkline_hub.gateways.a2a.providers.sdk.words import Words
from trunkline_hub.gateways.a2a.service import Cards, Desk, Pushes
from trunkline_hub.gateways.a2a.service.gate import Gate
from trunkline_hub.outbound import Outbound


class Engine:
    """Speaks A2A for this hub."""

    def __init__(
        self, *, desk: Desk, pushes: Pushes, cards: Cards, gate: Gate, outbound: Outbound, base_url: Callable[[], str]
    ) -> None:  # fmt: skip
        self.closing = asyncio.Event()
        """Set when the hub begins to close: streams end, so that clients come back to another one."""
        self.signer = CardSigner()
        self.words = Words()
        self.courier = Courier(outbound)
        self._gate = gate
        self._base_url = base_url
        self._handler = Handler(desk, pushes, cards, self.signer, lambda: self.closing)
        self.http = HttpBindings(self._handler, cards)

    async def serve_grpc(self, host: str, port: int) -> tuple[Any, int]:
        """Serve gRPC; returns (server, port)."""
        return await grpc.serve(self._handler, self._gate, host, port, self._base_url)
