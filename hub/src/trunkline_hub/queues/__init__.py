"""What waits: queues of work, each message for one worker."""

from trunkline_hub.queues.service import Queues, as_declared

__all__ = ["Queues", "as_declared"]
