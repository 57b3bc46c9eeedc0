"""A cluster of brokers on one machine that can be hurt node by node: for tests and for `trunkline chaos`.

Nobody gains safety from three copies on one disk; a real cluster runs on
machines of its own, with the same configuration (`trunkline doctor --broker-config`).
"""

import asyncio
import contextlib
import ctypes
import signal
import sys
from pathlib import Path

import msgspec

from trunkline.connection import Bus, Dial
from trunkline.protocol.errors import BrokerStartError, BusUnavailableError, TrunklineError
from trunkline.protocol.ids import new_token
from trunkline_hub.embedded.broker import find_binary
from trunkline_hub.embedded.config import BrokerConfig, Passwords, write_config
from trunkline_hub.embedded.place import Place, free_port

_LISTENS_S = 20.0
_LEADER_S = 30.0
_STOP_S = 10.0
_POLL_S = 0.02
_PR_SET_PDEATHSIG = 1


class Node:
    """One broker: started, killed, stopped, frozen, thawed."""

    def __init__(self, config: BrokerConfig, folder: Path, *, prefix: tuple[str, ...] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.config = config
        self.log = folder / "broker.log"
        self.process: asyncio.subprocess.Process | None = None
        self._file = folder / "nats.conf"
        self._prefix = prefix
        write_config(config, self._file)

    @property
    def url(self) -> str:
        return f"nats://{self.config.host}:{self.config.port}"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self) -> None:
        """Start it, and return when it listens.

        Raises:
            BrokerStartError: it ended, or does not listen; its last words are in the detail.
        """
        command = [*self._prefix, find_binary(), "-c", str(self._file)]
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )  # fmt: skip
        try:
            async with asyncio.timeout(_LISTENS_S):
                while not await listens(self.config.host, self.config.port):
                    if self.process.returncode is not None:
                        raise BrokerStartError(self.last_words())
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise BrokerStartError(self.last_words()) from None

    async def kill(self) -> None:
        """End it without a word, as a crash does."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Let it end in order."""
        self.thaw()
        await self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop its clock: it holds its connections and answers nobody."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if nothing had happened."""
        self._signal(signal.SIGCONT)

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-12:]
        return "\n".join([*lines, f"(log: {self.log})"])

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def _end(self, number: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


class Cluster:
    """Nodes that know each other, with the accounts and the auth callout of the embedded broker."""

    def __init__(
        self, root: Path, *, size: int = 3, sync: str = "2m", max_file_store: str = "1TB", hosts: tuple[str, ...] = (),
        prefixes: tuple[tuple[str, ...], ...] = (),
    ) -> None:  # fmt: skip
        root.mkdir(parents=True, exist_ok=True)
        self.secrets = Place(root).secrets
        secrets = self.secrets
        places = [(hosts[n] if hosts else "127.0.0.1", free_port(), free_port()) for n in range(size)]
        passwords = Passwords(
            hub=secrets.hub_password, auth=secrets.auth_password, sys=secrets.sys_password, routes=new_token(24)
        )
        self.nodes = [
            Node(
                BrokerConfig(
                    name=f"{secrets.hub_id}-{n}", host=host, port=port, route_port=route, store=root / f"node-{n}" / "js",
                    passwords=passwords, issuer=secrets.issuer, sync=sync, max_file_store=max_file_store,
                    peers=tuple(f"{h}:{r}" for h, _p, r in places),
                ),
                root / f"node-{n}",
                prefix=prefixes[n] if prefixes else (),
            )
            for n, (host, port, route) in enumerate(places)
        ]  # fmt: skip

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]

    async def start(self) -> None:
        """Start what does not run; return when the cluster has a leader and takes requests."""
        await asyncio.gather(*(node.start() for node in self.nodes if not node.is_running))
        await self.until_led()

    async def stop(self) -> None:
        """End every node, frozen ones too."""
        await asyncio.gather(*(node.stop() for node in self.nodes))

    async def until_led(self) -> None:
        """Wait until JetStream answers: a majority has agreed on a leader.

        Raises:
            BrokerStartError
        """
        dial = Dial(
            urls=self.urls, name="cluster watch", inbox_prefix="_INBOX", user="hub", password=self.secrets.hub_password
        )
        bus = Bus(dial)
        try:
            async with asyncio.timeout(_LEADER_S):
                while not await _is_led(bus):
                    await asyncio.sleep(_POLL_S * 5)
        except TimeoutError:
            raise BrokerStartError(f"No leader after {_LEADER_S:g} s. {self.nodes[0].last_words()}") from None
        finally:
            await bus.close()


class _Answer(msgspec.Struct):
    error: dict[str, object] | None = None


async def _is_led(bus: Bus) -> bool:
    """Whether the stream API answers; before there is a leader it does not, or with an error."""
    try:
        if not bus.is_up:
            await bus.open(timeout_s=2)
        answer = await bus.request("$JS.API.STREAM.NAMES", b"", timeout_s=1)
    except (BusUnavailableError, TrunklineError):
        return False
    return msgspec.json.decode(answer.data, type=_Answer).error is None


async def listens(host: str, port: int) -> bool:
    """Whether a NATS server greets whoever connects there."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(host, port)
            greeting = await reader.readline()
    except (OSError, TimeoutError):
        return False
    writer.close()
    return greeting.startswith(b"INFO")


def _die_with_parent() -> None:
    """A frozen process does not hear a polite signal."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
