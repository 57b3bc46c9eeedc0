"""The REST door of the SDK: JSON in, typed structs out, problems as exceptions."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from trunkline.protocol.errors import (
    HubUnreachableError,
    InternalError,
    NotFoundError,
    PermissionDeniedError,
    Problem,
    TokenInvalidError,
    TrunklineError,
    UnavailableError,
    from_problem,
)
from trunkline.protocol.trace import next_traceparent

T = TypeVar("T")
_WITHOUT_BODY: dict[int, type[TrunklineError]] = {
    error.status: error for error in (TokenInvalidError, PermissionDeniedError, NotFoundError, UnavailableError)
}
_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 5.0
_SILENCE_S = 60.0
"""A stream may last as long as it likes, but not fall silent for so long."""


class HttpApi:
    """Requests to one hub with one token. Use inside a running event loop; `close` when done."""

    def __init__(self, url: str, token: str, workspace: str) -> None:
        self.url = url
        self.workspace = workspace
        self._token = token
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str, kind: type[T], /, **query: Any) -> T:
        """GET `path` below the workspace and decode the answer as `kind`."""
        return await self.request("GET", self.scoped(path), kind, query=query)

    async def post(self, path: str, kind: type[T], body: Any = None, *, timeout_s: float = _TIMEOUT_S) -> T:
        """POST `body` to `path` below the workspace and decode the answer as `kind`."""
        return await self.request("POST", self.scoped(path), kind, body=body, timeout_s=timeout_s)

    async def put(self, path: str, kind: type[T], body: Any) -> T:
        """PUT `body` to `path` below the workspace and decode the answer as `kind`."""
        return await self.request("PUT", self.scoped(path), kind, body=body)

    async def delete(self, path: str) -> None:
        """DELETE `path` below the workspace."""
        await self.request("DELETE", self.scoped(path), type(None))

    def scoped(self, path: str) -> str:
        """Return the full path of `path` in the client's workspace."""
        return f"/api/v1/w/{quote(self.workspace, safe='')}{path}"

    async def request(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        query: dict[str, Any] | None = None,
        body: Any = None,
        timeout_s: float = _TIMEOUT_S,
        headers: dict[str, str] | None = None,
    ) -> T:
        """Send one request and decode the answer.

        Raises:
            TrunklineError: the class that the hub's problem code names.
            HubUnreachableError: nothing answers, or not in `timeout_s`.
        """
        raw = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        sent = headers or {"Content-Type": "application/json"}
        answer = self._answer(method, path, timeout_s=timeout_s, headers=sent, params=_query(query or {}), data=raw)
        async with answer as response:
            return _decode(await response.read(), kind)

    async def upload(self, path: str, kind: type[T], chunks: AsyncIterator[bytes], headers: dict[str, str]) -> T:
        """POST a stream to `path` below the workspace; an error of the stream itself is raised as it is."""
        source = _Source(chunks)
        try:
            async with self._answer("POST", self.scoped(path), data=source.read(), headers=headers) as response:
                return _decode(await response.read(), kind)
        except HubUnreachableError:
            if source.error is not None:
                raise source.error from None
            raise

    @asynccontextmanager
    async def open(
        self, path: str, *, method: str = "GET", headers: dict[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask for the full `path` and hand over the answer before its body is read."""
        async with self._answer(method, path, headers=headers or {}) as response:
            yield response

    async def stream(self, path: str, query: list[tuple[str, str]] | None = None) -> AsyncGenerator[bytes, None]:
        """GET `path` below the workspace and yield the body as it comes, however long that takes.

        Raises:
            TrunklineError: the class that the hub's problem code names.
            HubUnreachableError: nothing answers, or the body broke off.
        """
        async with self._answer("GET", self.scoped(path), headers={}, params=query or []) as response:
            async for piece in response.content.iter_any():
                yield piece

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, *, timeout_s: float | None = None, headers: dict[str, str], **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and hand over its answer, once it is known to be no problem; without a limit, it is a stream."""
        limit = aiohttp.ClientTimeout(
            total=timeout_s, sock_connect=_CONNECT_TIMEOUT_S, sock_read=_SILENCE_S if timeout_s is None else None
        )
        sent = headers | {"traceparent": next_traceparent()}
        try:
            async with self._open().request(
                method, self.url + path, headers=sent, timeout=limit, **options
            ) as response:
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise _problem(response.status, await response.read())
                yield response
        except (aiohttp.ClientError, OSError) as error:
            raise HubUnreachableError(f"No hub answers at {self.url}: {error}") from None
        except TimeoutError:
            raise HubUnreachableError(
                f"The hub at {self.url} did not answer within {timeout_s or _SILENCE_S:g} s"
            ) from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {self._token}"})
        return self._session


class _Source:
    """A stream on its way out, and what broke it."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.error: Exception | None = None
        self._chunks = chunks

    async def read(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                yield chunk
        except Exception as error:  # noqa: BLE001 -- the user's own iterator; told after the request has failed for it
            self.error = error
            raise


def segment(name: str) -> str:
    """Encode a name so that it is one path segment."""
    return quote(name, safe="")


def _query(query: dict[str, Any]) -> dict[str, str | list[str]]:
    """Return a query as it is sent; of a list, each item by itself."""
    return {
        name: [_plain(item) for item in value] if isinstance(value, list | tuple) else _plain(value)
        for name, value in query.items()
        if value is not None
    }


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _decode(payload: bytes, kind: type[T]) -> T:
    if kind is type(None):
        return None
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.DecodeError as error:
        raise InternalError(f"The hub's answer was not understood: {error}") from None


def _problem(status: int, payload: bytes) -> TrunklineError:
    if not payload and status in _WITHOUT_BODY:  # the answer to a HEAD
        return _WITHOUT_BODY[status]()
    try:
        return from_problem(msgspec.json.decode(payload, type=Problem))
    except msgspec.DecodeError:
        text = payload[:200].decode(errors="replace")
        kind = UnavailableError if status >= UnavailableError.status - 1 else InternalError
        return kind(f"HTTP {status}, not from a Trunkline hub: {text}")
