"""What the hub answers over HTTP, one small class per kind of resource."""

from trunkline.rest.agents import AgentsApi
from trunkline.rest.blobs import BlobsApi
from trunkline.rest.dead_letters import DeadLettersApi
from trunkline.rest.events import EventsApi
from trunkline.rest.queues import QueuesApi
from trunkline.rest.tokens import TokensApi

__all__ = ["AgentsApi", "BlobsApi", "DeadLettersApi", "EventsApi", "QueuesApi", "TokensApi"]
