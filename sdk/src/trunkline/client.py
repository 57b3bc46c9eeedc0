"""`Client`: publish, enqueue, call and subscribe from asynchronous code."""

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Any, Self, Unpack

import msgspec

from trunkline import payloads
from trunkline.admission import Admission
from trunkline.balancing import Balancer, CallOptions, HubDirectory, Order
from trunkline.balancing.absence import why_nobody
from trunkline.balancing.crews import ANYONE, wish_of
from trunkline.calls import Calls, NobodyThereError
from trunkline.connection import Bus, Dial
from trunkline.context import CALL_TIMEOUT_S, link
from trunkline.enqueuing import (
    EnqueueOptions,
    Target,
    Targets,
    enqueue_by_hub,
    is_for_the_hub,
    patiently,
    prepare,
    subject_of,
)
from trunkline.governed import Governed
from trunkline.http import HttpApi
from trunkline.later import Later, is_later, publish_later
from trunkline.local import find_context
from trunkline.packing import HEADER_ROOM, MAX_PAYLOAD_BYTES, Packing
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, modes, resources, subjects
from trunkline.protocol.errors import (
    ClientClosedError,
)
from trunkline.protocol.frames import Ack
from trunkline.protocol.ids import new_id, new_token
from trunkline.protocol.trace import next_traceparent
from trunkline.publisher import Publisher
from trunkline.replay import Replay
from trunkline.rest import HubApi
from trunkline.rules import Rules
from trunkline.subscription import EventStream
from trunkline.wire import header_lines

_CE_HEADERS = header_lines({"Content-Type": ce.CONTENT_TYPE})
_FITS_BYTES = 32 * 1024
"""A message of this size fits any broker: its limit need not be asked for."""


class Client(HubApi):
    """A program's door to Trunkline. Use it with `async with`.

    Without arguments it finds the hub by TRUNKLINE_URL and TRUNKLINE_TOKEN, or
    by the local context that `trunkline serve` wrote. HTTP is used for what
    the hub answers; messages go straight to the broker, connected on first use.

    Args:
        url: the hub's address, such as `http://127.0.0.1:8400`.
        token: an API key.
        workspace: slug of the workspace; `default` exists everywhere.
        name: shown to operators as the connection's name.
        max_payload_bytes: largest payload fetched from the object store into memory; larger ones are streams (`Blob`).
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
        self._found = find_context(url, token, workspace)
        super().__init__(HttpApi(self._found.url, self._found.token, self._found.workspace))
        self._name = name
        self._bus: Bus | None = None
        self._publisher: Publisher | None = None
        self._balancer: Balancer | None = None
        self._directory: HubDirectory | None = None
        self._governed: Governed | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._source = "/"
        self._connection: frames.Connection | None = None
        self._targets = Targets(self.queues, self._found.workspace)
        self._admission = Admission(self.queues.admits)
        self.rules = Rules(self.api)
        self._packing = Packing(self.api, self.blobs, max_payload_bytes=max_payload_bytes)

    @property
    def workspace(self) -> str:
        """Slug of the workspace this client works in."""
        return self._found.workspace

    @property
    def principal(self) -> str:
        """Name that the broker pins on what this client sends; known once connected."""
        return self._connected.principal

    @property
    def _connected(self) -> frames.Connection:
        if self._connection is None:
            raise ClientClosedError("The client is not connected to the bus yet")
        return self._connection

    @property
    def bus(self) -> Bus:
        """The bus connection; open it with `connect` first."""
        if self._bus is None:
            raise ClientClosedError("The client is not connected to the bus yet")
        return self._bus

    @property
    def balancer(self) -> Balancer:
        """The instances that this client calls, and how they fared: `client.balancer.statistics()`."""
        if self._balancer is None:
            raise ClientClosedError("The client is not connected to the bus yet")
        return self._balancer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self, connection: frames.Connection | None = None, *, source: str | None = None) -> None:
        """Connect to the bus now instead of at the first message.

        Raises:
            HubUnreachableError, TokenInvalidError, BusUnavailableError
        """
        if self._bus is not None:
            return
        async with self._opening:
            if self._bus is None:
                await self._open(connection, source)

    async def close(self) -> None:
        """Let what is on its way be acknowledged, then disconnect."""
        self._closed = True
        await self._targets.close()
        await self._admission.close()
        await self.rules.close()
        if self._directory is not None:
            await self._directory.close()
        if self._balancer is not None:
            self._balancer.close()
        if self._publisher is not None:
            await self._publisher.drain(timeout_s=2.0)
            self._publisher.close()
        if self._bus is not None:
            await self._bus.close()
            self._bus = None
        await self.api.close()

    async def publish(
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
        """Publish an event and wait until the broker has stored it.

        Args:
            event_type: dotted name such as `order.created`.
            data: any value with a JSON form (Pydantic, msgspec, dataclass, dict …), bytes, or a `Blob` of any size.
            subject: what the event is about (CloudEvents `subject`).
            key: events with the same key keep their order (`partitionkey`).
            id: publish twice with one id and it is stored once.
            correlation_id: defaults to that of the message being handled.
            content_type: format of the payload, such as `application/msgpack`; JSON unless `data` is bytes or a `Blob`.
            later: `delay_s=…` or `at=…`: the event enters the log then, up to a year ahead.
                The same id again before that replaces it; `scheduled.cancel(id)` takes it back.

        What the broker's limit would refuse goes through the hub's object store, and comes to handlers all the same.

        Raises:
            PayloadInvalidError, BlobTooLargeError, PermissionDeniedError,
            HubUnreachableError, BlobStoreFullError: the payload is large and cannot be stored.
            BusUnavailableError (nothing acknowledged: sending the same id again is safe).
        """
        if self._bus is None:
            await self.connect()
        message = self._message(event_type, id, correlation_id)
        message.subject = subject
        message.partitionkey = key
        if is_later(later):
            return await publish_later(self.api, *await self._checked(message, data, content_type), later)
        if self._connected.governed_events:
            target = subjects.gate_event(self.workspace, self.principal, event_type)
            return await self._submit(target, message, data, content_type)
        target = subjects.event(self.workspace, self.principal, event_type)
        return await self._send(subjects.events_stream(self.workspace), target, message, data, content_type)

    async def enqueue(
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
        """Put work into a queue and wait until the broker has stored it; for `data` and `content_type` see `publish`.

        Args:
            queue: name of a declared queue.
            data: any value with a JSON form, bytes, or a `Blob` of any size.
            type: CloudEvents `type`; `task.<queue>` unless given.
            key: messages with the same key keep their order, where the queue says so.
            id: enqueue twice with one id (within two minutes) and it is stored once.
            correlation_id: defaults to that of the message being handled.
            content_type: format of the payload; JSON unless `data` is bytes or a `Blob`.
            options: `priority`, `dedupe_key`, `expires_in_s`, `expires_at`, `wait_s`; see `EnqueueOptions`.
                `delay_s=…` or `at=…`: it enters the queue then, up to a year ahead. The same id again
                before that replaces it; `scheduled.cancel(id)` takes it back.

        Raises:
            QueueUnknownError: nobody declared the queue.
            QueueDrainingError: an operator lets the queue run empty; it takes nothing in.
            QueueClassUnknownError: it has no such priority class.
            QueueFullError: no room (within `wait_s`); nothing was accepted.
            PayloadInvalidError, BlobTooLargeError, PermissionDeniedError, BusUnavailableError, HubUnreachableError
        """
        if self._bus is None:
            await self.connect()
        if not self._admission.is_fresh(queue):
            await self._admission.check(queue)
        target = self._targets.get(queue) or await self._targets.find(queue, self.bus, self.principal)
        message = self._message(type or f"task.{queue}", id, correlation_id)
        message.partitionkey = key
        if not options and target.is_plain and not self._connected.governed_tasks:
            return await self._send(target.stream, target.subject, message, data, content_type)
        return await self._enqueue(target, message, (data, content_type), options)

    async def call(
        self,
        skill: str,
        input: Any = None,  # noqa: A002 -- the A2A word
        *,
        agent: str | None = None,
        result_type: Any = Any,
        timeout_s: float = CALL_TIMEOUT_S,
        **options: Unpack[CallOptions],
    ) -> Any:
        """Call a skill and return its output, decoded as `result_type`.

        Which instance is called is this client's choice, by the skill's own
        policy (see `docs/calls.md`). Cancelling this coroutine, or the end of
        `timeout_s`, cancels the callee's handler too.

        Args:
            skill: name of the skill; any healthy instance that offers it may answer.
            input: any value with a JSON form, bytes, or a `Blob`.
            agent: only an instance of this agent.
            timeout_s: how long to wait for the result; carried to the callee.
            options: `instance`, `version`, `key`, `on_progress`, `content_type`; see `CallOptions`.

        Raises:
            SkillUnknownError: no registered agent has the skill.
            AgentOfflineError: at once, when none of them is connected, or none of that version.
            CallTimeoutError: no result within `timeout_s`.
            CallFailedError: the handler raised, or its process died.
            CircuitOpenError: at once, while most calls of the skill fail.
            PayloadInvalidError: the input does not fit the skill's schema.
        """
        if self._bus is None:
            await self.connect()
        message = self._message(f"call.{skill}")
        payload = None if "content_type" in options else self.pack_plain(message, input)
        lines = _CE_HEADERS
        if payload is None:
            payload, headers = await self.pack(message, input, options.get("content_type"))
            lines = header_lines(headers)
        wish = ANYONE if agent is None and not options else wish_of(agent, **options)
        order = Order(
            caller=self.principal, skill=skill, call_id=message.id, payload=payload, headers=lines,
            timeout_s=timeout_s, wish=wish, on_progress=options.get("on_progress"),
        )  # fmt: skip
        try:
            answer = await self.balancer.call(order)
        except NobodyThereError:
            raise await why_nobody(self.agents, self.workspace, skill, wish) from None
        reply = modes.read(answer.data, answer.headers)
        if reply.dataref is None:
            return payloads.codec_of(result_type).read(reply)
        return await self.payload(reply, result_type)

    async def payload(self, message: ce.Envelope, kind: Any = Any, *, patience_s: float = 0.0) -> Any:
        """Return a message's payload as `kind`, in whatever format it came, from the object store if it lies there.

        While the hub is away it is tried again for `patience_s`.

        Raises:
            PayloadInvalidError, PayloadGoneError, PayloadTooLargeError, HubUnreachableError
        """
        codec = kind if isinstance(kind, payloads.Codec) else payloads.Codec(kind)
        return await self._packing.payload(message, codec, patience_s=patience_s)

    async def pack(
        self, message: ce.Envelope, data: Any, content_type: str | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """Return (payload, headers) as they go to the bus: `data` in its format, or a reference to it where it is large."""
        return await self._packing.pack(message, data, content_type, self.bus.max_payload)

    def pack_plain(self, message: ce.Envelope, data: Any) -> bytes | None:
        """Return a message with `data` as JSON, as it goes to the bus; None where it must take the longer way of `pack`."""
        if isinstance(data, payloads.RAW) or hasattr(data, "__aiter__"):
            return None
        message.datacontenttype = ce.JSON_DATA
        message.data = msgspec.Raw(payloads.encode(data))
        payload = ce.encode(message)
        return payload if len(payload) <= _FITS_BYTES else None

    def subscribe(self, *types: str, after_seq: int | None = None, since: str | None = None) -> EventStream:
        """Follow events live: `async with client.subscribe("order.*") as events: async for event in events: …`.

        Args:
            types: event type patterns; `*` is one segment, a final `>` the rest. None means all.
            after_seq: begin after this place in the log; otherwise from now.
            since: begin at this RFC 3339 time.
        """
        if self._bus is None:
            raise ClientClosedError("Call `await client.connect()` before `subscribe`")
        return EventStream(self._bus, self.api, list(types) or [">"], after_seq=after_seq, since=since)

    def replay(self, *types: str, speed: float | None = None, **selection: Any) -> Replay:
        """Read a part of the past, once: `async for event in client.replay("order.*", since=…)`. It ends by itself.

        Args:
            types: event type patterns; `*` is one segment, a final `>` the rest. None means all.
            speed: 1.0 is the original pace, 2.0 twice as fast; None is as fast as it goes.
            selection: `since`, `until` (RFC 3339), `after_seq`, `until_seq`, `subject`, `correlation_id`;
                without an end it ends at what is the newest event now.
        """
        if self._bus is None:
            raise ClientClosedError("Call `await client.connect()` before `replay`")
        return Replay(self._bus, self.api, resources.Selection(types=list(types), **selection), speed=speed)

    async def overview(self) -> resources.Overview:
        """Return the workspace's state at a glance."""
        return await self.api.get("/overview", resources.Overview)

    async def trace(
        self, message_id: str | None = None, *, correlation_id: str | None = None, trace_id: str | None = None
    ) -> resources.Trace:
        """Return the path of a message: what led to it, who handled it and how long, what it caused.

        With `correlation_id` or `trace_id` instead, everything of that transaction, as trees.

        Raises:
            TraceUnknownError: nothing is on record about it.
        """
        return await self.index.trace(message_id, correlation_id=correlation_id, trace_id=trace_id)

    async def store(
        self, stream: str, subject: str, payload: bytes, *, msg_id: str, headers: bytes = b"", key: str | None = None
    ) -> Ack:
        """Store ready bytes under `subject` and wait for the broker's acknowledgement."""
        if self._publisher is None:
            raise ClientClosedError
        return await self._publisher.publish(stream, subject, payload, msg_id=msg_id, headers=headers, key=key)

    async def _open(self, connection: frames.Connection | None, source: str | None) -> None:
        if self._closed:
            raise ClientClosedError
        found = connection
        if found is None:
            found = await self.api.get("/connection", frames.Connection)
        dial = Dial(
            urls=found.urls, name=self._name, token=self._found.token,
            inbox_prefix=f"{found.inbox_prefix}.{new_token(4)}",
        )  # fmt: skip
        bus = Bus(dial)
        await bus.open()
        self._source = source or f"/{found.workspace}/{found.principal}"
        self._connection = found
        self._publisher = Publisher(bus)
        self._balancer = Balancer(Calls(bus, found.workspace, found.principal))
        self._directory = HubDirectory(self.api, bus, found.workspace, self._balancer)
        self._balancer.directory = self._directory
        self._governed = Governed(bus)
        await self._publisher.open()
        await self.rules.start(bus)
        self._bus = bus

    def _message(
        self, event_type: str, message_id: str | None = None, correlation_id: str | None = None
    ) -> ce.Envelope:
        """Make the envelope; what is sent while a message is handled is linked to it."""
        message = ce.Envelope(
            specversion="1.0",
            id=message_id or new_id(),
            source=self._source,
            type=event_type,
            time=ce.now_rfc3339(),
            traceparent=next_traceparent(),
        )
        return link(message, correlation_id)

    def _send(
        self, stream: str, target: str, message: ce.Envelope, data: Any, content_type: str | None
    ) -> "Awaitable[Ack]":
        """Send JSON that fits at once; anything else takes the longer way."""
        if content_type is not None or isinstance(data, payloads.RAW) or hasattr(data, "__aiter__"):
            return self._send_packed(stream, target, message, data, content_type)
        message.datacontenttype = ce.JSON_DATA
        message.data = msgspec.Raw(payloads.encode(data))
        self.rules.check_sent(message)
        payload = ce.encode(message)
        if len(payload) > _FITS_BYTES and len(payload) + HEADER_ROOM > self.bus.max_payload:
            return self._send_packed(stream, target, message, data, content_type)
        return self._store(stream, target, message, payload, _CE_HEADERS)

    async def _send_packed(
        self, stream: str, target: str, message: ce.Envelope, data: Any, content_type: str | None
    ) -> Ack:
        payload, headers = await self._checked(message, data, content_type)
        return await self._store(stream, target, message, payload, header_lines(headers))

    def _store(
        self, stream: str, target: str, message: ce.Envelope, payload: bytes, headers: bytes
    ) -> "asyncio.Future[Ack]":
        if self._publisher is None:
            raise ClientClosedError
        return self._publisher.publish(
            stream,
            target,
            payload,
            msg_id=f"{self.principal}:{message.id}",
            ack_id=message.id,
            headers=headers,
            key=message.partitionkey,
        )

    async def _enqueue(
        self, target: Target, message: ce.Envelope, body: tuple[Any, str | None], options: EnqueueOptions
    ) -> Ack:
        if options.get("priority") not in {None, *target.layout.classes}:  # it may have been declared just now
            target = await self._targets.find(target.queue, self.bus, self.principal)
        prepare(message, target, options)
        subject, wait_s = subject_of(message, target, self.workspace, self.principal), options.get("wait_s")
        governed = self._connected.governed_tasks
        if not (wait_s or governed or is_for_the_hub(options)):
            return await self._send(target.stream, subject, message, *body)
        packed = await self._checked(message, *body)  # once: a stream cannot be read again

        async def send() -> Ack:
            if is_for_the_hub(options):
                return await enqueue_by_hub(self.api, target.queue, message, packed, options)
            if governed:
                return await self._govern(subjects.gate_task(self.workspace, self.principal, target.queue), packed)
            return await self._store(target.stream, subject, message, packed[0], header_lines(packed[1]))

        return await (patiently(send, wait_s) if wait_s else send())

    async def _submit(self, target: str, message: ce.Envelope, data: Any, content_type: str | None) -> Ack:
        return await self._govern(target, await self._checked(message, data, content_type))

    async def _govern(self, target: str, packed: tuple[bytes, dict[str, str]]) -> Ack:
        if self._governed is None:
            raise ClientClosedError
        return await self._governed.send(target, *packed)

    async def _checked(self, message: ce.Envelope, data: Any, content_type: str | None) -> tuple[bytes, dict[str, str]]:
        """Return (payload, headers) of a message that fits its type."""
        if content_type is None and not isinstance(data, payloads.RAW) and not hasattr(data, "__aiter__"):
            message.datacontenttype, message.data = ce.JSON_DATA, msgspec.Raw(payloads.encode(data))
            self.rules.check_sent(message)
        return await self.pack(message, data, content_type)
