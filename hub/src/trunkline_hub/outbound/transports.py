"""The same guard for clients of other libraries: `httpx` (A2A) and `httpx2` (MCP).

Imported only by the gateways that use one of them.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpcore
import httpcore2
import httpx
import httpx2

from trunkline.protocol.errors import OutboundTooLargeError
from trunkline_hub.outbound.guard import Guard

_STREAM = "text/event-stream"


class _Backend:
    """Opens connections to judged addresses only; TLS still verifies the name, which the pool keeps."""

    def __init__(self, guard: Guard, inner: Any, refused: type[Exception]) -> None:
        self._guard = guard
        self._inner = inner
        self._refused = refused

    async def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> Any:
        last: Exception | None = None
        for address in await self._guard.addresses(host, port):
            try:
                return await self._inner.connect_tcp(address, port, *args, **options)
            except self._refused as error:
                last = error
        raise last or self._refused(f"{host} has no address")

    async def connect_unix_socket(self, *_args: Any, **_options: Any) -> Any:
        raise self._refused("only TCP leads out")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Backend1(_Backend, httpcore.AsyncNetworkBackend): ...


class _Backend2(_Backend, httpcore2.AsyncNetworkBackend): ...


def httpx_transport(guard: Guard) -> httpx.AsyncBaseTransport:
    """Return a guarded transport for `httpx.AsyncClient(transport=…, trust_env=False)`."""
    transport = httpx.AsyncHTTPTransport(verify=guard.tls, trust_env=False)
    backend = _Backend1(guard, httpcore.AnyIOBackend(), httpcore.ConnectError)
    transport._pool = httpcore.AsyncConnectionPool(  # noqa: SLF001 -- the library takes no backend of one's own
        ssl_context=guard.tls, network_backend=backend
    )
    return _Guarded1(transport, guard)


def httpx2_transport(guard: Guard) -> httpx2.AsyncBaseTransport:
    """Return a guarded transport for `httpx2.AsyncClient(transport=…, trust_env=False)`."""
    transport = httpx2.AsyncHTTPTransport(verify=guard.tls, trust_env=False)
    backend = _Backend2(guard, httpcore2.AnyIOBackend(), httpcore2.ConnectError)
    transport._pool = httpcore2.AsyncConnectionPool(  # noqa: SLF001 -- the library takes no backend of one's own
        ssl_context=guard.tls, network_backend=backend
    )
    return _Guarded2(transport, guard)


class _Guarded1(httpx.AsyncBaseTransport):
    def __init__(self, inner: httpx.AsyncBaseTransport, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._guard.check(str(request.url))
        response = await self._inner.handle_async_request(request)
        if not response.headers.get("content-type", "").startswith(_STREAM):
            response.stream = _Bounded1(response.stream, str(request.url), self._guard.settings.max_bytes)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Guarded2(httpx2.AsyncBaseTransport):
    def __init__(self, inner: httpx2.AsyncBaseTransport, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._guard.check(str(request.url))
        response = await self._inner.handle_async_request(request)
        if not response.headers.get("content-type", "").startswith(_STREAM):
            response.stream = _Bounded2(response.stream, str(request.url), self._guard.settings.max_bytes)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Bounded:
    """A body that ends with an error where it grows too large."""

    def __init__(self, inner: Any, url: str, limit: int) -> None:
        self._inner = inner
        self._url = url.split("?", 1)[0]
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self._inner:
            seen += len(chunk)
            if seen > self._limit:
                raise OutboundTooLargeError(f"The answer of {self._url} is larger than {self._limit:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Bounded1(_Bounded, httpx.AsyncByteStream): ...


class _Bounded2(_Bounded, httpx2.AsyncByteStream): ...


__all__ = ["httpx2_transport", "httpx_transport"]
