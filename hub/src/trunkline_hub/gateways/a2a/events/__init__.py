"""What A2A does in the background: push notifications, the gRPC binding, imported agents."""

from trunkline_hub.gateways.a2a.events.grpc import GrpcDoor
from trunkline_hub.gateways.a2a.events.push import PushSender, PushWatch

__all__ = ["GrpcDoor", "PushSender", "PushWatch"]
