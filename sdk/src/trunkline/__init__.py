"""Trunkline: write agents that find, call and trust each other.

import trunkline as tl

agent = tl.Agent("greeter")

@agent.skill()
async def greet(name: str) -> str:
    return f"Hello, {name}"

agent.run()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trunkline.agent import Agent
    from trunkline.blobs import Blob
    from trunkline.client import Client
    from trunkline.context import Context
    from trunkline.declaring import Queue
    from trunkline.idempotency import SqliteStore
    from trunkline.protocol.errors import (
        AgentOfflineError,
        BusUnavailableError,
        CallFailedError,
        CallTimeoutError,
        CircuitOpenError,
        HubUnreachableError,
        PayloadInvalidError,
        PermissionDeniedError,
        QueueFullError,
        QueueUnknownError,
        SkillUnknownError,
        TrunklineError,
    )
    from trunkline.protocol.frames import Ack, Balance, Progress
    from trunkline.retry import OnError, PermanentError, Retry, RetryAfterError
    from trunkline.sync import SyncClient

__version__ = "0.1.0"

__all__ = [
    "Ack",
    "Agent",
    "AgentOfflineError",
    "Balance",
    "Blob",
    "BusUnavailableError",
    "CallFailedError",
    "CallTimeoutError",
    "CircuitOpenError",
    "Client",
    "Context",
    "HubUnreachableError",
    "OnError",
    "PayloadInvalidError",
    "PermanentError",
    "PermissionDeniedError",
    "Progress",
    "Queue",
    "QueueFullError",
    "QueueUnknownError",
    "Retry",
    "RetryAfterError",
    "SkillUnknownError",
    "SqliteStore",
    "SyncClient",
    "TrunklineError",
    "__version__",
]

# Names are loaded when first used: `trunkline --help` need not load a NATS client.
_HOMES = {
    "Ack": "trunkline.protocol.frames",
    "Agent": "trunkline.agent",
    "AgentOfflineError": "trunkline.protocol.errors",
    "Blob": "trunkline.blobs",
    "Balance": "trunkline.protocol.frames",
    "BusUnavailableError": "trunkline.protocol.errors",
    "CallFailedError": "trunkline.protocol.errors",
    "CallTimeoutError": "trunkline.protocol.errors",
    "CircuitOpenError": "trunkline.protocol.errors",
    "Client": "trunkline.client",
    "Context": "trunkline.context",
    "HubUnreachableError": "trunkline.protocol.errors",
    "OnError": "trunkline.retry",
    "PayloadInvalidError": "trunkline.protocol.errors",
    "PermanentError": "trunkline.retry",
    "PermissionDeniedError": "trunkline.protocol.errors",
    "Progress": "trunkline.protocol.frames",
    "Queue": "trunkline.declaring",
    "QueueFullError": "trunkline.protocol.errors",
    "QueueUnknownError": "trunkline.protocol.errors",
    "Retry": "trunkline.retry",
    "RetryAfterError": "trunkline.retry",
    "SkillUnknownError": "trunkline.protocol.errors",
    "SqliteStore": "trunkline.idempotency",
    "SyncClient": "trunkline.sync",
    "TrunklineError": "trunkline.protocol.errors",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'trunkline' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__
