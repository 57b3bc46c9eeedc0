"""The configuration that a NATS cluster of one's own needs, with fresh secrets, and the hub's side of it."""

from pathlib import Path

import msgspec

from trunkline.protocol.ids import new_token
from trunkline_hub.embedded.config import BrokerConfig, Passwords, render
from trunkline_hub.embedded.place import make_secrets

_NODES = ("nats-1", "nats-2", "nats-3")
_CLIENTS, _ROUTES = 4222, 6222
_STORE = Path("/var/lib/nats")


class Advice(msgspec.Struct, kw_only=True):
    """One file for each node, and the hub's environment."""

    nodes: dict[str, str]
    hub: dict[str, str]

    def text(self) -> str:
        parts = [f"# --- {name}: nats-server -c nats.conf\n{config}" for name, config in self.nodes.items()]
        settings = "\n".join(f"{name}={value}" for name, value in self.hub.items())
        return "\n".join([*parts, f"# --- every hub's environment\n{settings}"])


def cluster_advice() -> Advice:
    """Return the configuration of three nodes; host names and the store's place are for the operator to change."""
    secrets = make_secrets()
    words = Passwords(
        hub=secrets.hub_password, auth=secrets.auth_password, sys=secrets.sys_password, routes=new_token(24)
    )
    peers = tuple(f"{name}:{_ROUTES}" for name in _NODES)
    nodes = {
        name: render(
            BrokerConfig(
                name=name, host="0.0.0.0", port=_CLIENTS, route_port=_ROUTES, peers=peers, passwords=words,  # noqa: S104
                issuer=secrets.issuer, store=_STORE, max_file_store="100GB",
            )
        )
        for name in _NODES
    }  # fmt: skip
    urls = [f"nats://{name}:{_CLIENTS}" for name in _NODES]
    hub = {
        "TRUNKLINE_BUS__URLS": msgspec.json.encode(urls).decode(),
        "TRUNKLINE_BUS__REPLICAS": str(len(_NODES)),
        "TRUNKLINE_BUS__PASSWORD": words.hub,
        "TRUNKLINE_BUS__AUTH_PASSWORD": words.auth,
        "TRUNKLINE_BUS__SYS_PASSWORD": words.sys,
        "TRUNKLINE_BUS__ISSUER_SEED": secrets.issuer_seed,
    }
    return Advice(nodes=nodes, hub=hub)
