"""A network of Linux namespaces, one for each node, so that a cable can be pulled. Root only."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

_SUBNETS = 250


@dataclass(frozen=True, kw_only=True)
class Network:
    """Addresses and the command that runs a program behind each."""

    hosts: tuple[str, ...]
    prefixes: tuple[tuple[str, ...], ...]
    cables: tuple[str, ...]

    async def cut(self, n: int) -> None:
        """Pull node `n`'s cable: nothing is refused, nothing arrives."""
        await _ip("link", "set", self.cables[n], "down")

    async def mend(self, n: int) -> None:
        await _ip("link", "set", self.cables[n], "up")


def why_not() -> str | None:
    """Return why this machine has no such networks, or None."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        return "network cuts need Linux and `ip netns`"
    if os.geteuid() != 0:
        return "network cuts need root"
    return None


@asynccontextmanager
async def network(size: int) -> AsyncIterator[Network]:
    """Make `size` namespaces on one bridge; remove them afterwards.

    Raises:
        OSError: the kernel does not let us.
    """
    tag = f"{os.getpid() % 100_000}"
    subnet = f"10.213.{os.getpid() % _SUBNETS + 1}"
    bridge = f"tlb{tag}"
    spaces = tuple(f"tln{tag}-{n}" for n in range(size))
    cables = tuple(f"tl{tag}-{n}" for n in range(size))
    hosts = tuple(f"{subnet}.{n + 10}" for n in range(size))
    try:
        await _ip("link", "add", bridge, "type", "bridge")
        await _ip("addr", "add", f"{subnet}.1/24", "dev", bridge)
        await _ip("link", "set", bridge, "up")
        for space, cable, host in zip(spaces, cables, hosts, strict=True):
            await _join(space, cable, host, bridge)
        prefixes = tuple(("ip", "netns", "exec", space) for space in spaces)
        yield Network(hosts=hosts, prefixes=prefixes, cables=cables)
    finally:
        for space in spaces:
            await _ip("netns", "del", space, strict=False)
        for link in (*cables, bridge):
            await _ip("link", "del", link, strict=False)


async def _join(space: str, cable: str, host: str, bridge: str) -> None:
    inner = f"{cable}i"
    await _ip("netns", "add", space)
    await _ip("link", "add", cable, "type", "veth", "peer", "name", inner)
    await _ip("link", "set", inner, "netns", space)
    await _ip("link", "set", cable, "master", bridge, "up")
    await _ip("-n", space, "addr", "add", f"{host}/24", "dev", inner)
    await _ip("-n", space, "link", "set", inner, "up")
    await _ip("-n", space, "link", "set", "lo", "up")


async def _ip(*words: str, strict: bool = True) -> None:
    process = await asyncio.create_subprocess_exec(
        "ip", *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _out, error = await process.communicate()
    if process.returncode and strict:
        raise OSError(f"ip {' '.join(words)}: {error.decode().strip()}")
