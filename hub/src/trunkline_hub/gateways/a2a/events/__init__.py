"""What A2A does in the background: push notifications, the gRPC binding, imported agents."""

from trunkline_hub.gateways.a2a.events.doer import RemoteTasks
from trunkline_hub.gateways.a2a.events.grpc import GrpcDoor
from trunkline_hub.gateways.a2a.events.push import PushSender, PushWatch
from trunkline_hub.gateways.a2a.events.remotes import CardRefresher, RemoteHost
from trunkline_hub.gateways.a2a.events.waiting import WaitingTasks

__all__ = ["CardRefresher", "GrpcDoor", "PushSender", "PushWatch", "RemoteHost", "RemoteTasks", "WaitingTasks"]
