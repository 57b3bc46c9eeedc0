"""The door to NATS JetStream: streams, consumers, publishing, reading, identity callout.

SQL says what should exist; the reconciler here makes NATS so. Only this
package and the SDK speak NATS.
"""

from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.reconciler import ConsumerSpec, Only, QueueStream, Reconciler

__all__ = ["ConsumerSpec", "HubBus", "Only", "QueueStream", "Reconciler"]
