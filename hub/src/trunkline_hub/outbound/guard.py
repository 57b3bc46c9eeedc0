"""Resolves a name and says which of its addresses may be connected to."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import cached_property

from trunkline.protocol.errors import OutboundRefusedError, OutboundUnreachableError
from trunkline_hub.outbound import model, trust
from trunkline_hub.outbound.model import Target
from trunkline_hub.outbound.settings import OutboundSettings

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) → addresses; raises OSError."""


class Guard:
    """Judges where the hub may connect to; whoever connects uses the addresses it returns, and no others."""

    def __init__(self, settings: OutboundSettings, resolve: Resolve | None = None) -> None:
        self.settings = settings
        self._allowed = model.allow_list(settings.allow)
        self._resolve = resolve or _system
        if settings.ca_file:
            trust.load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), settings.ca_file)

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Whose certificates are believed."""
        return trust.context(self.settings.ca_file)

    @cached_property
    def tls_roots(self) -> bytes:
        """The same as PEM, for libraries with a TLS of their own."""
        return trust.roots(self.tls)

    def check(self, url: str) -> Target:
        """Refuse a URL that can never be reached; nothing is asked of the network.

        Raises:
            OutboundRefusedError
        """
        target = model.target_of(url)
        address = model.literal(target.host)
        if address is not None and not self._may(target.host, target.port, address):
            raise _refused(target.host)
        return target

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of `host` that may be connected to.

        Raises:
            OutboundRefusedError: all that it has lie inside.
            OutboundUnreachableError: it has none.
        """
        host = host.rstrip(".").lower()
        own = model.literal(host)
        if own is not None:
            if not self._may(host, port, own):
                raise _refused(host)
            return [host]
        try:
            async with asyncio.timeout(self.settings.connect_s):
                found = await self._resolve(host, port)
        except (OSError, TimeoutError, UnicodeError):
            raise OutboundUnreachableError(f"The name {host!r} does not resolve") from None
        fit = [text for text in found if (one := model.literal(text)) is not None and self._may(host, port, one)]
        if not fit:
            raise _refused(host)
        return list(dict.fromkeys(fit))

    def permits(self, address: str, port: int) -> bool:
        """Whether a bare address may be connected to: the last look before a socket is opened."""
        one = model.literal(address)
        return one is not None and self._may(address, port, one)

    def _may(self, host: str, port: int, address: model.Address) -> bool:
        if not model.is_inside(address) or self._allowed.names(host, port):
            return True
        return self._allowed.holds(address) or self._allowed.holds(model.unwrapped(address))


def _refused(host: str) -> OutboundRefusedError:
    return OutboundRefusedError(f"{host!r} lies inside this network; `outbound.allow` does not name it")


async def _system(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(entry[4][0]) for entry in found]
