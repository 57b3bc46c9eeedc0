"""The hub that A2A clients talk to."""

import pytest_asyncio
from conformance.a2a_agent import make
from support.a2a_client import plain
from support.broker import Broker
from support.hub import Hub


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def a2a_hub(tmp_path_factory):
    """One hub with all that A2A offers, and the kit's agent behind it."""
    root = tmp_path_factory.mktemp("a2a")
    broker = Broker(root / "broker")
    await broker.start()
    outbound = {"allow": ["127.0.0.1"]}
    hub = Hub(broker, f"sqlite:///{root / 'hub.db'}", bus={"heartbeat_s": 0.3}, a2a={"grpc_port": 0}, outbound=outbound)
    await hub.start()
    try:
        async with hub.serving(make("tck", hold_s=1.0)), hub.serving(plain()):
            yield hub
    finally:
        await hub.stop()
        await broker.stop()
