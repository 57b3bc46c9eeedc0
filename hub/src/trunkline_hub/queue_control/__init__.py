"""Operating queues: pause, drain, look inside, purge, move, cancel, delete, roll back."""

from trunkline_hub.queue_control.service import QueueControl, QueueStates

__all__ = ["QueueControl", "QueueStates"]
