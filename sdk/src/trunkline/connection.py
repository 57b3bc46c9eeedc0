"""One connection to the bus that is rebuilt, never waited out.

`nats-py` reconnects by itself after most faults but closes for good after
some (an expired login among them) and leaves open pulls hanging. `Bus` keeps
the list of subscriptions, builds a new client when the old one is gone, and
tells its users at once, so that they ask again instead of waiting.
"""

import asyncio
import contextlib
import logging
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from trunkline.protocol.errors import (
    BusUnavailableError,
    ClientClosedError,
    PermissionDeniedError,
    TokenInvalidError,
    TrunklineError,
)
from trunkline.protocol.ids import new_token
from trunkline.tasks import Tasks
from trunkline.wire import Ear, FastLane, WireClient

_log = logging.getLogger("trunkline.bus")
_VIOLATION = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"')
_PING_INTERVAL_S = 3
"""A connection that is cut without a word is noticed after three pings."""
_FLUSH_S = 10
_RECONNECT_WAIT_S = 0.2
"""On the average; jittered, so that a returning broker is not stormed."""
_RETRY_MIN_S = 0.1
_RETRY_MAX_S = 2.0
_WATCH_S = 1.0
_STUCK_S = 5.0
"""`nats-py` waits for a cut connection to flush before it tries another; that may take the kernel a quarter of an hour."""

Receive = Callable[[Msg], Awaitable[None]]
Hear = Callable[[Msg], None]


@dataclass(frozen=True, kw_only=True)
class Dial:
    """Where and as whom to connect: a `token`, or `user` and `password`."""

    urls: list[str]
    name: str
    inbox_prefix: str
    token: str | None = None
    user: str | None = None
    password: str | None = None


@dataclass(eq=False)
class Listener:
    """A subscription that outlives the client it was made on."""

    subject: str
    queue: str
    receive: Receive | None = None
    hear: Hear | None = None
    """Instead of `receive`: called while the message is being read, so it must be quick."""
    current: Subscription | None = field(default=None, repr=False)


class Bus:
    """A self-healing NATS connection."""

    def __init__(self, dial: Dial) -> None:
        self.dial = dial
        self.on_up: list[Callable[[], None]] = []
        """Called after the first connect and after each reconnect or rebuild."""
        self.on_down: list[Callable[[], None]] = []
        self.on_denied: list[Callable[[str, str], None]] = []
        """Called with (`publish` | `subscription`, lower-case subject) when the broker refuses one."""
        self.is_up = False
        self.reconnects = 0
        self.mark = new_token(6)
        """Names this connection, so that it knows its own news."""
        self._client: Client | None = None
        self._lane: FastLane | None = None
        self._listeners: list[Listener] = []
        self._tasks = Tasks()
        self._closing = False
        self._rebuilding = False
        self._refused: asyncio.Future[Exception] | None = None
        """While first connecting: where a refusal ends the attempt, which `nats-py` would repeat for ever."""

    @property
    def client(self) -> Client:
        """The present `nats-py` client."""
        if self._client is None:
            raise ClientClosedError("The bus connection is not open")
        return self._client

    @property
    def max_payload(self) -> int:
        """The broker's limit for headers and payload together, in bytes."""
        return self.client.max_payload

    async def open(self, *, timeout_s: float = 5.0) -> None:
        """Connect.

        Raises:
            TokenInvalidError: the broker refused the credentials.
            BusUnavailableError: nothing answered within `timeout_s`.
        """
        self._closing = self._rebuilding = False
        self._refused = asyncio.get_running_loop().create_future()
        connecting = self._tasks.spawn(self._connect(), name="bus-connect", awaited=True)
        try:
            async with asyncio.timeout(timeout_s):
                either: list[asyncio.Future[Any]] = [connecting, self._refused]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if self._refused.done():
                    raise self._refused.result()
                await connecting
        except (OSError, TimeoutError, nats.errors.Error) as error:
            raise _why(error, self.dial.urls) from None
        finally:
            self._refused = None
            if not connecting.done():
                connecting.cancel()
                await asyncio.wait([connecting])

    async def subscribe(self, subject: str, receive: Receive, *, queue: str = "") -> Listener:
        """Listen on `subject`; `receive` is awaited for each message in turn."""
        return await self._add(Listener(subject, queue, receive=receive))

    async def listen(self, subject: str, hear: Hear, *, queue: str = "") -> Listener:
        """Listen on `subject`; `hear` is called for each message while it is being read: a loop turn sooner.

        It must be quick, and hand on what takes time.
        """
        return await self._add(Listener(subject, queue, hear=hear))

    async def _add(self, listener: Listener) -> Listener:
        self._listeners.append(listener)
        if self.is_up:
            await self._attach(listener)
        return listener

    async def unsubscribe(self, listener: Listener, *, drain: bool = False) -> None:
        """Stop listening; messages on their way are dropped, or still received with `drain`."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        if listener.current is not None and self.is_up:
            with contextlib.suppress(nats.errors.Error, TimeoutError, OSError):
                end: Callable[[], Awaitable[None]] = listener.current.drain if drain else listener.current.unsubscribe
                await end()

    async def renew(self) -> None:
        """Log in anew, to be given the rights of today; whoever listens on this connection goes on listening."""
        client = self._client
        if client is None or not self.is_up or self._closing:
            return
        with contextlib.suppress(nats.errors.Error, TimeoutError, OSError):
            await client.flush(timeout=1)
        await client.close()

    def write(self, lines: bytes) -> None:
        """Send ready protocol lines (see `wire.message`); dropped while the bus is down."""
        if self._lane is not None and self.is_up:
            self._lane.write(lines)

    async def flush(self, *, timeout_s: float = 2.0) -> None:
        """Wait until the broker has read everything written so far."""
        try:
            await asyncio.wait_for(self.client.flush(timeout=_FLUSH_S), timeout_s)
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise BusUnavailableError(f"The broker did not answer: {_words(error)}") from None

    async def request(
        self, subject: str, body: Any = None, *, headers: dict[str, str] | None = None, timeout_s: float = 5.0
    ) -> Msg:
        """Ask one question and return the one answer.

        Raises:
            BusUnavailableError: nobody serves `subject`, or no answer came in time.
        """
        payload = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        try:
            return await self.client.request(subject, payload, timeout=timeout_s, headers=headers)
        except nats.errors.NoRespondersError:
            raise BusUnavailableError(f"Nobody answers {subject} on the broker") from None
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise BusUnavailableError(f"The broker did not answer {subject}: {_words(error)}") from None

    async def close(self) -> None:
        """Send what is pending and disconnect."""
        self._closing = True
        await self._tasks.close()
        client, self._client = self._client, None
        if client is not None:
            if client.is_connected:
                with contextlib.suppress(nats.errors.Error, OSError, asyncio.TimeoutError):
                    await client.flush(timeout=1)
            await client.close()
        self._mark_down()

    async def _connect(self) -> None:
        client = WireClient()
        await client.connect(
            servers=list(self.dial.urls),
            name=self.dial.name,
            token=self.dial.token,
            user=self.dial.user,
            password=self.dial.password,
            inbox_prefix=self.dial.inbox_prefix.encode(),
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_jittered(_RECONNECT_WAIT_S),
            connect_timeout=5,
            ping_interval=_PING_INTERVAL_S,
            max_outstanding_pings=2,
            pending_size=64 * 1024 * 1024,
            error_cb=self._on_error,
            disconnected_cb=partial(self._on_disconnected, client),
            reconnected_cb=partial(self._on_reconnected, client),
            closed_cb=partial(self._on_closed, client),
        )
        self._client = client
        self._lane = FastLane(client)
        for listener in self._listeners:
            await self._attach(listener)
        self._mark_up()
        self._tasks.spawn(self._watch(client), name="bus-watch")

    async def _watch(self, client: Client) -> None:
        """See to it that a dead client is replaced: `nats-py` may close, or stop reconnecting, and tell nobody."""
        down_s = 0.0
        while self._client is client and not self._rebuilding:
            await asyncio.sleep(_WATCH_S)
            down_s = 0.0 if client.is_connected else down_s + _WATCH_S
            if client.is_closed or down_s > _STUCK_S:
                self._replace(client)

    def _replace(self, client: Client) -> None:
        """Forget `client`, unless that is done, and build another."""
        if self._client is not client or self._closing or self._rebuilding:
            return
        self._rebuilding = True
        self._mark_down()
        self._tasks.spawn(self._rebuild(client), name="bus-rebuild")

    async def _attach(self, listener: Listener) -> None:
        listener.current = await self.client.subscribe(
            listener.subject,
            queue=listener.queue,
            cb=listener.receive,
            future=None if listener.hear is None else Ear(listener.hear),  # type: ignore[arg-type]
            pending_msgs_limit=0,
            pending_bytes_limit=0,
        )

    async def _rebuild(self, old: Client) -> None:
        delay = _RETRY_MIN_S
        if not old.is_closed:
            self._tasks.spawn(old.close(), name="bus-abandon")
        while not self._closing:
            try:
                await self._connect()
            except (OSError, TimeoutError, nats.errors.Error) as error:
                _log.warning("cannot reach the broker, trying again", extra={"error": str(error)})
                await asyncio.sleep(delay * random.uniform(0.5, 1.5))
                delay = min(delay * 2, _RETRY_MAX_S)
            else:
                self._rebuilding = False
                self.reconnects += 1
                return

    def _mark_up(self) -> None:
        self.is_up = True
        for callback in self.on_up:
            callback()

    def _mark_down(self) -> None:
        if self.is_up:
            self.is_up = False
            for callback in self.on_down:
                callback()

    async def _on_disconnected(self, client: Client) -> None:
        if client is self._client:
            self._mark_down()

    async def _on_reconnected(self, client: Client) -> None:
        if client is self._client and not self._rebuilding:
            self.reconnects += 1
            self._mark_up()

    async def _on_closed(self, client: Client) -> None:
        self._replace(client)

    async def _on_error(self, error: Exception) -> None:
        match = _VIOLATION.search(str(error))
        if match is None:
            if self._refused is not None and not self._refused.done() and _is_refusal(error):
                self._refused.set_result(error)
            _log.debug("broker connection: %s", error)
            return
        _log.warning("the broker refused a %s to %s", match[1], match[2])
        for callback in self.on_denied:
            callback(match[1], match[2])


def _jittered(seconds: float) -> Any:
    """Return `seconds`, half to one and a half; `nats-py` declares whole seconds but only sleeps that long."""
    return seconds * random.uniform(0.5, 1.5)


def _is_refusal(error: Exception) -> bool:
    text = str(error).lower()
    return "authorization" in text or "authentication" in text


def _words(error: BaseException) -> str:
    return str(error) or "timeout"


def _why(error: Exception, urls: list[str]) -> TrunklineError:
    if _is_refusal(error):
        return TokenInvalidError("The broker refused the token: unknown, expired or revoked")
    return BusUnavailableError(f"No broker answers at {', '.join(urls)}: {_words(error)}")


def denied(kind: str, subject: str) -> PermissionDeniedError:
    """Return the error for a subject that the broker refused."""
    verb = "send to" if kind == "publish" else "listen on"
    return PermissionDeniedError(f"The token may not {verb} {subject}")
