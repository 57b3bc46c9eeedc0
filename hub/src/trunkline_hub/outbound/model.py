"""Which addresses are inside, and what an allow-list lets through. Pure."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from trunkline.protocol.errors import OutboundRefusedError, SettingInvalidError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SCHEMES = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_CLOUD = (ipaddress.ip_network("168.63.129.16/32"),)
"""Public by number, yet only a cloud's own machines reach it, and what answers there hands out secrets."""
_NAMED = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.?)+")
_BITS_V4 = 0xFFFFFFFF


@dataclass(frozen=True)
class Target:
    """Where a URL leads: scheme, host without brackets, port."""

    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port


@dataclass(frozen=True)
class AllowList:
    """What may be reached though it lies inside."""

    hosts: frozenset[tuple[str, int | None]]
    networks: tuple[Network, ...]

    def names(self, host: str, port: int) -> bool:
        """Whether a host is allowed by its name, whatever its addresses."""
        return (host, None) in self.hosts or (host, port) in self.hosts

    def holds(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.networks)


def allow_list(entries: Iterable[str]) -> AllowList:
    """Read the entries of `outbound.allow`.

    Raises:
        SettingInvalidError: one is neither a name, a name with a port, an address nor a network.
    """
    hosts: set[tuple[str, int | None]] = set()
    networks: list[Network] = []
    for entry in entries:
        text = entry.strip().lower()
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            hosts.add(_named(entry, text))
    return AllowList(frozenset(hosts), tuple(networks))


def target_of(url: str) -> Target:
    """Return where `url` leads.

    Raises:
        OutboundRefusedError: it is not plain http(s), or carries credentials.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise OutboundRefusedError("The address is not a URL") from None
    if parts.scheme not in _SCHEMES or not host:
        raise OutboundRefusedError("Only http:// and https:// URLs with a host are reached")
    if parts.username is not None or parts.password is not None:
        raise OutboundRefusedError("Credentials do not belong into a URL")
    if any(ord(letter) <= 0x20 or ord(letter) == 0x7F for letter in url):  # noqa: PLR2004 -- control characters
        raise OutboundRefusedError("The address holds characters that no URL has")
    return Target(parts.scheme, host, port if port is not None else _SCHEMES[parts.scheme])


def is_inside(address: Address) -> bool:
    """Whether an address belongs to this machine, its network or its cloud, in whatever notation."""
    real = unwrapped(address)
    if real.is_multicast or not real.is_global:
        return True
    if isinstance(real, ipaddress.IPv6Address) and real.is_site_local:
        return True
    return any(real.version == network.version and real in network for network in _CLOUD)


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one carries (mapped, NAT64, 6to4, Teredo), else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _BITS_V4)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour or address


def literal(host: str) -> Address | None:
    """Return the address that a host is, if it is one; a zone index is no part of it."""
    try:
        return ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return None


def _named(entry: str, text: str) -> tuple[str, int | None]:
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, ""
    host = host.removeprefix("[").removesuffix("]").rstrip(".")
    if (colon and not port.isdigit()) or not (_NAMED.fullmatch(host) or literal(host)):
        raise SettingInvalidError(f"outbound.allow: {entry!r} is not a name, name:port, address or network")
    return host, int(port) if port else None
