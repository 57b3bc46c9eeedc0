"""What a `nats-server` must be told to carry Trunkline: alone, or as one node of a cluster."""

import os
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """\
# Written by Trunkline at each start; changes here are lost.
server_name: {name}
listen: "{host}:{port}"
max_payload: 8MB
write_deadline: "10s"
lame_duck_duration: "30s"
feature_flags {{ js_ack_fc_v2: false }}
jetstream {{
  store_dir: "{store}"
  sync_interval: {sync}
  max_file_store: {max_file_store}
  limits {{ batch {{ max_inflight_per_stream: 500, max_inflight_total: 5000 }} }}
}}
accounts {{
  SYS {{ users: [{{ user: sys, password: "{sys}" }}] }}
  AUTH {{ users: [{{ user: auth, password: "{auth}" }}] }}
  TRUNKLINE {{ jetstream: enabled, users: [{{ user: hub, password: "{hub}" }}] }}
}}
system_account: SYS
authorization {{
  timeout: 5
  auth_callout {{ issuer: "{issuer}", account: AUTH, auth_users: [auth, hub, sys] }}
}}
"""
_CLUSTER = """\
cluster {{
  name: trunkline
  listen: "{host}:{port}"
  authorization {{ user: route, password: "{password}", timeout: 5 }}
  routes: [{routes}]
}}
"""


@dataclass(frozen=True, kw_only=True)
class Passwords:
    """Of the users that the hub connects as, and of the routes between nodes."""

    hub: str
    auth: str
    sys: str
    routes: str = ""


@dataclass(frozen=True, kw_only=True)
class BrokerConfig:
    """One server's settings; with `peers` it is a node of a cluster."""

    name: str
    port: int
    store: Path
    passwords: Passwords
    issuer: str
    """Public account nkey whose seed the hub has (`bus.issuer_seed`)."""
    host: str = "127.0.0.1"
    sync: str = "always"
    max_file_store: str = "1TB"
    route_port: int = 0
    peers: tuple[str, ...] = ()
    """`host:port` of every node's routes, its own included."""


def render(config: BrokerConfig) -> str:
    """Return the configuration file's text."""
    words = config.passwords
    text = _CONFIG.format(
        name=config.name, host=config.host, port=config.port, store=config.store, sync=config.sync,
        max_file_store=config.max_file_store, sys=words.sys, auth=words.auth, hub=words.hub, issuer=config.issuer,
    )  # fmt: skip
    if config.peers:
        routes = ", ".join(f'"nats://route:{words.routes}@{peer}"' for peer in config.peers)
        text += _CLUSTER.format(host=config.host, port=config.route_port, password=words.routes, routes=routes)
    return text


def write_config(config: BrokerConfig, path: Path) -> None:
    """Write the file, readable by its owner alone: there are passwords in it."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(render(config))
