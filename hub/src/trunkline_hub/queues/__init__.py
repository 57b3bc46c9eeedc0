"""What waits: queues of work, each message for one worker."""

from trunkline_hub.queues.service import Queues

__all__ = ["Queues"]
