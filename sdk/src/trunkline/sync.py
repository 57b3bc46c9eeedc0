"""`SyncClient`: the whole client for code without `await`.

An event loop of its own runs in a thread of its own; every method hands its
work there and waits. Any number of threads may use one client. After a fork
the child connects anew.
"""

import asyncio
import concurrent.futures
import contextlib
import functools
import inspect
import os
import threading
from collections.abc import Coroutine, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

from trunkline.balancing import CallOptions, SkillStatistics
from trunkline.client import Client
from trunkline.context import CALL_TIMEOUT_S
from trunkline.enqueuing import EnqueueOptions
from trunkline.later import Later
from trunkline.packing import MAX_PAYLOAD_BYTES
from trunkline.protocol import envelope as ce
from trunkline.protocol import resources
from trunkline.protocol.errors import ClientClosedError, LoopRunningError, TrunklineError
from trunkline.protocol.frames import Ack
from trunkline.replay import Replay
from trunkline.subscription import EventStream
from trunkline.tasks import Tasks

T = TypeVar("T")
_REST = "trunkline.rest."
_PATIENCE_S = 0.5
"""Ctrl-C is noticed at least this soon, also where a lock cannot be interrupted (Windows)."""
_CLOSE_S = 10.0


class _Engine:
    """A loop in a thread, and the client that lives there."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="trunkline", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the loop, in the caller's context, and wait for it; whoever is interrupted cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            while True:
                try:
                    return future.result(_PATIENCE_S)
                except concurrent.futures.TimeoutError:
                    if future.done():  # it was the work's own
                        raise
        finally:
            future.cancel()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_CLOSE_S)


class SyncClient:
    """A program's door to Trunkline, for synchronous code. Use it with `with`.

    What `Client` answers with `await`, this one answers; what that one yields
    asynchronously, this one yields. The hub's resources are there under the
    same names: `client.queues.list()`, `client.agents.get("billing")`, ….
    `run` runs anything else of the asynchronous kind.

    Args: those of `Client`.

    Raises:
        LoopRunningError: by every method, where an event loop runs in this thread: it would stand still meanwhile.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        workspace: str | None = None,
        name: str = "client",
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
    ) -> None:
        self._make = functools.partial(
            Client, url, token, workspace=workspace, name=name, max_payload_bytes=max_payload_bytes
        )
        self._client = self._make()
        self._resources = frozenset(
            name for name, one in vars(self._client).items() if type(one).__module__.startswith(_REST)
        )
        self._engine: _Engine | None = None
        self._left: list[_Engine] = []
        """A parent process's: kept, since tidying them up would reach into the parent's connections."""
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._closed = False

    @property
    def workspace(self) -> str:
        """Slug of the workspace this client works in."""
        return self._client.workspace

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> "Blocking[Any]":
        """Return one of the hub's resources, such as `queues`; see `trunkline.rest`."""
        if name in self.__dict__.get("_resources", ()):
            return Blocking(self, (name,))
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._resources]

    def connect(self) -> None:
        """Connect to the bus now instead of at the first message; see `Client.connect`."""
        self.run(self.asynchronous.connect())

    def close(self) -> None:
        """Let what is on its way be acknowledged, then disconnect and end the thread."""
        engine, self._engine = self._engine, None
        self._closed = True
        if engine is not None and engine.pid == os.getpid():
            with contextlib.suppress(concurrent.futures.CancelledError):
                engine.run(engine.client.close())
            engine.stop()

    def publish(
        self,
        event_type: str,
        data: Any = None,
        *,
        subject: str | None = None,
        key: str | None = None,
        id: str | None = None,  # noqa: A002 -- CloudEvents' own name
        correlation_id: str | None = None,
        content_type: str | None = None,
        **later: Unpack[Later],
    ) -> Ack:
        """Publish an event and wait until the broker has stored it; see `Client.publish`."""
        return self.run(
            self.asynchronous.publish(
                event_type, data, subject=subject, key=key, id=id, correlation_id=correlation_id,
                content_type=content_type, **later,
            )
        )  # fmt: skip

    def enqueue(
        self,
        queue: str,
        data: Any = None,
        *,
        type: str | None = None,  # noqa: A002 -- CloudEvents' own name
        key: str | None = None,
        id: str | None = None,  # noqa: A002 -- CloudEvents' own name
        correlation_id: str | None = None,
        content_type: str | None = None,
        **options: Unpack[EnqueueOptions],
    ) -> Ack:
        """Put work into a queue and wait until the broker has stored it; see `Client.enqueue`."""
        return self.run(
            self.asynchronous.enqueue(
                queue, data, type=type, key=key, id=id, correlation_id=correlation_id, content_type=content_type,
                **options,
            )
        )  # fmt: skip

    def call(
        self,
        skill: str,
        input: Any = None,  # noqa: A002 -- the A2A word
        *,
        agent: str | None = None,
        result_type: Any = Any,
        timeout_s: float = CALL_TIMEOUT_S,
        **options: Unpack[CallOptions],
    ) -> Any:
        """Call a skill and return its output; see `Client.call`. Ctrl-C cancels it, at the callee too."""
        return self.run(
            self.asynchronous.call(skill, input, agent=agent, result_type=result_type, timeout_s=timeout_s, **options)
        )

    def payload(self, message: ce.Envelope, kind: Any = Any) -> Any:
        """Return a message's payload as `kind`; see `Client.payload`."""
        return self.run(self.asynchronous.payload(message, kind))

    def subscribe(self, *types: str, after_seq: int | None = None, since: str | None = None) -> "Stream[Any]":
        """Follow events live: `with client.subscribe("order.*") as events: for event in events: …`."""

        client = self.asynchronous

        async def begin() -> EventStream:
            await client.connect()
            return client.subscribe(*types, after_seq=after_seq, since=since)

        return Stream(self, self.run(begin()))

    def replay(self, *types: str, speed: float | None = None, **selection: Any) -> "Stream[Any]":
        """Read a part of the past, once: `for event in client.replay("order.*", since=…)`; see `Client.replay`."""

        client = self.asynchronous

        async def begin() -> Replay:
            await client.connect()
            return client.replay(*types, speed=speed, **selection)

        return Stream(self, self.run(begin()))

    def overview(self) -> resources.Overview:
        """Return the workspace's state at a glance."""
        return self.run(self.asynchronous.overview())

    def trace(
        self, message_id: str | None = None, *, correlation_id: str | None = None, trace_id: str | None = None
    ) -> resources.Trace:
        """Return the path of a message; see `Client.trace`."""
        return self.run(self.asynchronous.trace(message_id, correlation_id=correlation_id, trace_id=trace_id))

    def statistics(self) -> list[SkillStatistics]:
        """Return what is known of the instances that were called; see `Balancer.statistics`."""

        client = self.asynchronous

        async def read() -> list[SkillStatistics]:
            return client.balancer.statistics()

        return self.run(read())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run any coroutine where this client lives, such as a `Blob`'s `read()`, and return its result.

        Raises:
            LoopRunningError, ClientClosedError, or what the coroutine raises.
        """
        try:
            engine = self._running()
        except TrunklineError:
            work.close()
            raise
        return engine.run(work)

    @property
    def asynchronous(self) -> Client:
        """The client behind this one, for `run`."""
        return self._running().client

    def _running(self) -> _Engine:
        if _is_in_loop():
            raise LoopRunningError
        if self._closed:
            raise ClientClosedError
        if self._pid != os.getpid():  # another thread of the parent may have held the lock
            self._lock, self._pid = threading.Lock(), os.getpid()
        with self._lock:
            if self._engine is not None and self._engine.pid != os.getpid():
                self._left.append(self._engine)
                self._engine, self._client = None, self._make()
            if self._engine is None:
                self._engine = _Engine(self._client)
            return self._engine


class Blocking(Generic[T]):
    """One of the hub's resources: the methods of `T`, each of which waits for its result."""

    def __init__(self, client: SyncClient, path: tuple[str, ...]) -> None:
        self._client = client
        self._path = path

    def __getattr__(self, name: str) -> Any:
        client, path = self._client, (*self._path, name)
        target = _at(client.asynchronous, path)
        if not callable(target):
            return Blocking(client, path) if type(target).__module__.startswith("trunkline.") else target

        @functools.wraps(target)
        def call(*args: Any, **options: Any) -> Any:
            return _waited(client, _at(client.asynchronous, path)(*args, **options))

        return call


class Stream(Generic[T]):
    """What comes asynchronously, as a plain iterator; leaving the `with` block (or `close`) ends it."""

    def __init__(self, client: SyncClient, source: Any) -> None:
        self._client = client
        self._source = source
        self._tasks = Tasks()
        self._pumping: asyncio.Task[None] | None = None
        self._closed = False
        self._items = self._all()
        client.run(self._start())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return next(self._items)

    def close(self) -> None:
        """End it."""
        if not self._closed:
            self._closed = True
            self._client.run(self._tasks.close())

    def _all(self) -> Iterator[T]:
        while not self._closed:
            found = self._client.run(self._next())
            if not found:
                return
            yield found[0]

    async def _start(self) -> None:
        """Read in one task from beginning to end: what is entered in a task must be left in it."""
        self._ready: asyncio.Queue[T] = asyncio.Queue(1)
        begun = asyncio.Event()
        self._pumping = self._tasks.spawn(self._pump(begun), name="stream", awaited=True)
        waiting = self._tasks.spawn(begun.wait(), name="stream-begin")
        await asyncio.wait((self._pumping, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def _pump(self, begun: asyncio.Event) -> None:
        async with contextlib.AsyncExitStack() as stack:
            source = self._source
            if hasattr(source, "__aenter__"):
                source = await stack.enter_async_context(source)
            begun.set()
            async for item in source:
                await self._ready.put(item)

    async def _next(self) -> tuple[T, ...]:
        """Return the next item, or nothing at the end."""
        assert self._pumping is not None
        getting = self._tasks.spawn(self._ready.get(), name="stream-next", awaited=True)
        try:
            await asyncio.wait((getting, self._pumping), return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                return (getting.result(),)
            if not self._ready.empty():
                return (self._ready.get_nowait(),)
        finally:
            getting.cancel()
        self._pumping.result()
        return ()


def _waited(client: SyncClient, found: Any) -> Any:
    if inspect.iscoroutine(found):
        return client.run(found)
    if hasattr(found, "__aiter__") or hasattr(found, "__aenter__"):
        return Stream(client, found)
    return found


def _at(found: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        found = getattr(found, name)
    return found


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
