"""The data directory of one local Trunkline: its secrets, its lock, its files."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import msgspec
import nkeys

from trunkline.protocol.errors import DataInUseError, DataNotWritableError, PortTakenError
from trunkline.protocol.ids import new_token

_ACCOUNT_PREFIX = nkeys.PREFIX_BYTE_ACCOUNT


class Secrets(msgspec.Struct, kw_only=True):
    """Made at the first start, kept in a file only its owner can read."""

    hub_id: str
    admin_token: str
    hub_password: str
    auth_password: str
    sys_password: str
    issuer_seed: str
    issuer: str
    broker_port: int = 0


class Place:
    """A data directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "trunkline.db"
        self.jetstream = root / "jetstream"
        self.logs = root / "logs"
        self.replays = root / "replays"
        self.context = root / "context.json"

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the directory for this process alone.

        Raises:
            DataNotWritableError: it cannot be made or written.
            DataInUseError: another Trunkline holds it.
        """
        try:
            for folder in (self.root, self.jetstream, self.logs):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataNotWritableError(f"{self.root}: {error.strerror}") from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
                raise DataInUseError(f"{self.root} is held by process {holder}") from None
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(lock)

    def check_port(self, host: str, port: int) -> None:
        """Refuse a port that is taken before anything is started.

        Raises:
            PortTakenError
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise PortTakenError(f"{host}:{port}: {error.strerror}") from None

    @cached_property
    def secrets(self) -> Secrets:
        """The secrets, made when there are none yet."""
        file = self.root / "secrets.json"
        try:
            return msgspec.json.decode(file.read_bytes(), type=Secrets)
        except FileNotFoundError:
            secrets = make_secrets()
            self.keep(secrets)
            return secrets

    def keep(self, secrets: Secrets) -> None:
        """Write the secrets down, readable by their owner alone."""
        draft = self.root / ".secrets.json"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(secrets))
        draft.replace(self.root / "secrets.json")


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Whether nobody listens on the loopback address's `port`."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def make_secrets() -> Secrets:
    """Return fresh secrets: passwords, an administrator's token, an issuer's key."""
    seed = nkeys.encode_seed(os.urandom(32), _ACCOUNT_PREFIX)
    return Secrets(
        hub_id=f"hub-{new_token(3)}",
        admin_token=f"tl_{new_token(8)}_{new_token(24)}",
        hub_password=new_token(24),
        auth_password=new_token(24),
        sys_password=new_token(24),
        issuer_seed=seed.decode(),
        issuer=nkeys.from_seed(seed).public_key.decode(),
        broker_port=free_port(),
    )
