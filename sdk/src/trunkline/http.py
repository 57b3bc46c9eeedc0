"""The REST door of the SDK: JSON in, typed structs out, problems as exceptions."""

from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from trunkline.protocol.errors import (
    HubUnreachableError,
    InternalError,
    Problem,
    TrunklineError,
    UnavailableError,
    from_problem,
)
from trunkline.protocol.trace import next_traceparent

T = TypeVar("T")
_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 5.0


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
        media_type: str = "application/json",
    ) -> T:
        """Send one request and decode the answer.

        Raises:
            TrunklineError: the class that the hub's problem code names.
            HubUnreachableError: nothing answers, or not in `timeout_s`.
        """
        raw = None if body is None else msgspec.json.encode(body)
        try:
            async with self._open().request(
                method,
                self.url + path,
                params=_query(query or {}),
                data=raw,
                headers={"Content-Type": media_type, "traceparent": next_traceparent()},
                timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=_CONNECT_TIMEOUT_S),
            ) as response:
                payload = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise HubUnreachableError(f"No hub answers at {self.url}: {error}") from None
        except TimeoutError:
            raise HubUnreachableError(f"The hub at {self.url} did not answer within {timeout_s:g} s") from None
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise _problem(response.status, payload)
        return _decode(payload, kind)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {self._token}"})
        return self._session


def segment(name: str) -> str:
    """Encode a name so that it is one path segment."""
    return quote(name, safe="")


def _query(query: dict[str, Any]) -> dict[str, str]:
    return {name: _plain(value) for name, value in query.items() if value is not None}


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
    try:
        return from_problem(msgspec.json.decode(payload, type=Problem))
    except msgspec.DecodeError:
        text = payload[:200].decode(errors="replace")
        kind = UnavailableError if status >= UnavailableError.status - 1 else InternalError
        return kind(f"HTTP {status}, not from a Trunkline hub: {text}")
