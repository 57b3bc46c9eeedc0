"""Guarded requests: pinned addresses, bounded times and sizes, redirects only where they were asked for."""

import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from trunkline.protocol.errors import (
    OutboundRefusedError,
    OutboundTimeoutError,
    OutboundTooLargeError,
    OutboundUnreachableError,
)
from trunkline_hub.outbound.guard import Guard, Resolve
from trunkline_hub.outbound.model import Target
from trunkline_hub.outbound.settings import OutboundSettings

_CHUNK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEPT = frozenset({307, 308})
_SEE_OTHER = 303
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_PLAIN = {"Accept-Encoding": "identity"}
"""What is not packed cannot be a bomb."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long and how much one request bears; None where it may last."""

    connect_s: float
    read_s: float | None
    total_s: float | None
    max_bytes: int


class Answer:
    """What the other side answered, its body still to be read."""

    def __init__(self, response: aiohttp.ClientResponse, limits: Limits) -> None:
        self._response = response
        self._limits = limits
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.url = str(response.url)

    async def read(self) -> bytes:
        """Return the whole body.

        Raises:
            OutboundTooLargeError: it is larger than the limit; the connection is closed.
            OutboundTimeoutError, OutboundUnreachableError
        """
        parts = [chunk async for chunk in self.stream(max_bytes=self._limits.max_bytes)]
        return b"".join(parts)

    async def stream(self, *, max_bytes: int | None = None) -> AsyncIterator[bytes]:
        """Give the body as it comes.

        Raises:
            OutboundTooLargeError, OutboundTimeoutError, OutboundUnreachableError
        """
        seen = 0
        declared = self._response.content_length
        if max_bytes is not None and declared is not None and declared > max_bytes:
            raise _too_large(self.url, max_bytes)
        with _translated(self.url):
            async for chunk in self._response.content.iter_any():
                seen += len(chunk)
                if max_bytes is not None and seen > max_bytes:
                    raise _too_large(self.url, max_bytes)
                yield chunk


class Outbound:
    """One pool of connections to the outside, behind the guard."""

    def __init__(self, settings: OutboundSettings, resolve: Resolve | None = None) -> None:
        self.guard = Guard(settings, resolve)
        self.limits = Limits(
            connect_s=settings.connect_s, read_s=settings.read_s, total_s=settings.total_s, max_bytes=settings.max_bytes
        )
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        """Return the guarded session, for what `request` cannot do; it follows redirects only through the guard."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=connector(self.guard), trust_env=False, cookie_jar=aiohttp.DummyCookieJar(),
                timeout=_timeout(self.limits),
            )  # fmt: skip
        return self._session

    @asynccontextmanager
    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: Any = None,
        redirects: int = 0, limits: Limits | None = None,
    ) -> AsyncIterator[Answer]:  # fmt: skip
        """Send one request; a redirect beyond `redirects` is an answer like any other.

        Raises:
            OutboundRefusedError: the address, or one it redirects to, may not be reached.
            OutboundUnreachableError, OutboundTimeoutError
        """
        bounds = limits or self.limits
        wanted = _Request(method, url, {**_PLAIN, **(headers or {})}, body)
        while True:
            target = self.guard.check(wanted.url)
            with _translated(wanted.url):
                response = await self.session().request(
                    wanted.method, wanted.url, headers=wanted.headers, data=wanted.body, allow_redirects=False,
                    timeout=_timeout(bounds),
                )  # fmt: skip
            try:
                onward = response.headers.get("Location") if response.status in _REDIRECTS else None
                if onward is None or redirects == 0:
                    yield Answer(response, bounds)
                    return
            finally:
                response.close()
            redirects -= 1
            wanted = wanted.onward(response.status, urljoin(wanted.url, onward), target, self.guard)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    headers: dict[str, str]
    body: Any

    def onward(self, status: int, url: str, before: Target, guard: Guard) -> "_Request":
        """Return the request that a redirect asks for: secrets stay with the origin they were meant for."""
        after = guard.check(url)
        if before.scheme == "https" and after.scheme != "https":
            raise OutboundRefusedError("A redirect from https to http is not followed")
        kept = replace(self, url=url)
        if after.origin != before.origin:
            kept = replace(kept, headers={k: v for k, v in self.headers.items() if k.lower() not in _SECRET})
        if status not in _KEPT and (status == _SEE_OTHER or self.method == "POST") and self.method != "HEAD":
            kept = replace(kept, method="GET", body=None)
        return kept


def connector(guard: Guard) -> aiohttp.TCPConnector:
    """Return a connector that connects to judged addresses only, literal ones included."""

    def open_socket(info: Any) -> socket.socket:
        family, kind, protocol, _name, place = info
        if not guard.permits(place[0], place[1]) and not _resolver.knows(place[0], place[1]):
            raise OutboundRefusedError(f"{place[0]} lies inside this network; `outbound.allow` does not name it")
        opened = socket.socket(family=family, type=kind, proto=protocol)
        opened.setblocking(False)
        return opened

    _resolver = _GuardedResolver(guard)
    return aiohttp.TCPConnector(
        resolver=_resolver, use_dns_cache=False, socket_factory=open_socket, limit_per_host=100, ssl=guard.tls
    )


class _GuardedResolver(AbstractResolver):
    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._judged: set[tuple[str, int]] = set()

    def knows(self, address: str, port: int) -> bool:
        """Whether an inner address was let through by the name it was asked under."""
        return (address, port) in self._judged

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 -- both are asked for
    ) -> list[ResolveResult]:
        found = await self._guard.addresses(host, port)
        self._judged.update((address, port) for address in found if not self._guard.permits(address, port))
        return [
            ResolveResult(
                hostname=host, host=address, port=port, proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            )
            for address in found
        ]  # fmt: skip

    async def close(self) -> None:
        self._judged.clear()


def _timeout(limits: Limits) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=limits.total_s, connect=None, sock_connect=limits.connect_s, sock_read=limits.read_s
    )


def _too_large(url: str, limit: int) -> OutboundTooLargeError:
    return OutboundTooLargeError(f"The answer of {_place(url)} is larger than {limit:,} bytes")


def _place(url: str) -> str:
    """Return a URL without its query: what may be told and logged."""
    return url.split("?", 1)[0].split("#", 1)[0]


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Turn what the client library raises into the catalogue's errors."""
    try:
        yield
    except TimeoutError:
        raise OutboundTimeoutError(f"{_place(url)} did not answer in time") from None
    except aiohttp.InvalidURL:
        raise OutboundRefusedError("The address is not a URL") from None
    except (aiohttp.ClientError, OSError) as error:
        raise OutboundUnreachableError(f"{_place(url)}: {type(error).__name__}") from None
