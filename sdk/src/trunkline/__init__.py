"""Trunkline: write agents that find, call and trust each other.

import trunkline as tl

agent = tl.Agent("greeter")

@agent.skill()
async def greet(name: str) -> str:
    return f"Hello, {name}"

agent.run()
"""

from trunkline.agent import Agent
from trunkline.client import Client
from trunkline.context import Context
from trunkline.protocol.errors import (
    AgentOfflineError,
    BusUnavailableError,
    CallFailedError,
    CallTimeoutError,
    HubUnreachableError,
    PayloadInvalidError,
    PermissionDeniedError,
    QueueFullError,
    QueueUnknownError,
    SkillUnknownError,
    TrunklineError,
)
from trunkline.protocol.frames import Ack, Progress
from trunkline.retry import PermanentError, Retry, RetryAfterError

__version__ = "0.1.0"

__all__ = [
    "Ack",
    "Agent",
    "AgentOfflineError",
    "BusUnavailableError",
    "CallFailedError",
    "CallTimeoutError",
    "Client",
    "Context",
    "HubUnreachableError",
    "PayloadInvalidError",
    "PermanentError",
    "PermissionDeniedError",
    "Progress",
    "QueueFullError",
    "QueueUnknownError",
    "Retry",
    "RetryAfterError",
    "SkillUnknownError",
    "TrunklineError",
    "__version__",
]
