"""`Client`: publish, enqueue, call and subscribe from asynchronous code."""

import asyncio
from types import TracebackType
from typing import Any, Self, Unpack

import msgspec

from trunkline import payloads
from trunkline.calls import Calls, NobodyThereError, OnProgress
from trunkline.connection import Bus, Dial
from trunkline.context import link
from trunkline.enqueuing import (
    EnqueueOptions,
    Target,
    Targets,
    as_request,
    is_for_the_hub,
    patiently,
    prepare,
    subject_of,
)
from trunkline.governed import Governed
from trunkline.http import HttpApi
from trunkline.later import Later, is_later, publish_later
from trunkline.local import find_context
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, resources, subjects
from trunkline.protocol.errors import (
    AgentOfflineError,
    ClientClosedError,
    SkillUnknownError,
    TrunklineError,
)
from trunkline.protocol.frames import Ack
from trunkline.protocol.ids import new_id, new_token
from trunkline.protocol.trace import next_traceparent
from trunkline.publisher import Publisher
from trunkline.rest import (
    AgentsApi,
    DeadLettersApi,
    EventsApi,
    EventTypesApi,
    GroupsApi,
    IndexApi,
    JobsApi,
    QueuesApi,
    RoutesApi,
    ScheduledApi,
    SchedulesApi,
    TokensApi,
)
from trunkline.rules import Rules
from trunkline.subscription import EventStream
from trunkline.wire import header_lines

CALL_TIMEOUT_S = 30.0
_CE_HEADERS = header_lines({"Content-Type": ce.CONTENT_TYPE})


class Client:
    """A program's door to Trunkline. Use it with `async with`.

    Without arguments it finds the hub by TRUNKLINE_URL and TRUNKLINE_TOKEN, or
    by the local context that `trunkline serve` wrote. HTTP is used for what
    the hub answers; messages go straight to the broker, connected on first use.

    Args:
        url: the hub's address, such as `http://127.0.0.1:8400`.
        token: an API key.
        workspace: slug of the workspace; `default` exists everywhere.
        name: shown to operators as the connection's name.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        workspace: str | None = None,
        name: str = "client",
    ) -> None:
        self._found = find_context(url, token, workspace)
        self._name = name
        self._bus: Bus | None = None
        self._publisher: Publisher | None = None
        self._calls: Calls | None = None
        self._governed: Governed | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._source = "/"
        self._connection: frames.Connection | None = None
        self.api = HttpApi(self._found.url, self._found.token, self._found.workspace)
        self.agents = AgentsApi(self.api)
        self.queues = QueuesApi(self.api)
        self._targets = Targets(self.queues, self._found.workspace)
        self.dead_letters = DeadLettersApi(self.api)
        self.events = EventsApi(self.api)
        self.jobs = JobsApi(self.api)
        self.routes = RoutesApi(self.api)
        self.groups = GroupsApi(self.api)
        self.index = IndexApi(self.api)
        self.tokens = TokensApi(self.api)
        self.schedules = SchedulesApi(self.api)
        self.scheduled = ScheduledApi(self.api)
        self.event_types = EventTypesApi(self.api)
        self.rules = Rules(self.api)

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
        await self.rules.close()
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
        **later: Unpack[Later],
    ) -> Ack:
        """Publish an event and wait until the broker has stored it.

        Args:
            event_type: dotted name such as `order.created`.
            data: any value with a JSON form: Pydantic, msgspec, dataclass, dict …
            subject: what the event is about (CloudEvents `subject`).
            key: events with the same key keep their order (`partitionkey`).
            id: publish twice with one id and it is stored once.
            correlation_id: defaults to that of the message being handled.
            later: `delay_s=…` or `at=…`: the event enters the log then, up to a year ahead.
                The same id again before that replaces it; `scheduled.cancel(id)` takes it back.

        Raises:
            PayloadInvalidError, MessageTooLargeError, PermissionDeniedError,
            BusUnavailableError (nothing acknowledged: sending the same id again is safe).
        """
        if self._bus is None:
            await self.connect()
        message = self._message(event_type, data, id, correlation_id)
        message.subject = subject
        message.partitionkey = key
        self.rules.check_sent(message)
        if is_later(later):
            return await publish_later(self.api, message, later)
        if self._connected.governed_events:
            target = subjects.gate_event(self.workspace, self.principal, event_type)
            return await self._submit(target, message)
        target = subjects.event(self.workspace, self.principal, event_type)
        return await self._send(subjects.events_stream(self.workspace), target, message)

    async def enqueue(
        self,
        queue: str,
        data: Any = None,
        *,
        type: str | None = None,  # noqa: A002 -- CloudEvents' own name
        key: str | None = None,
        id: str | None = None,  # noqa: A002 -- CloudEvents' own name
        correlation_id: str | None = None,
        **options: Unpack[EnqueueOptions],
    ) -> Ack:
        """Put work into a queue and wait until the broker has stored it.

        Args:
            queue: name of a declared queue.
            data: any value with a JSON form.
            type: CloudEvents `type`; `task.<queue>` unless given.
            key: messages with the same key keep their order, where the queue says so.
            id: enqueue twice with one id (within two minutes) and it is stored once.
            correlation_id: defaults to that of the message being handled.
            options: `priority`, `dedupe_key`, `expires_in_s`, `expires_at`, `wait_s`; see `EnqueueOptions`.
                `delay_s=…` or `at=…`: it enters the queue then, up to a year ahead. The same id again
                before that replaces it; `scheduled.cancel(id)` takes it back.

        Raises:
            QueueUnknownError: nobody declared the queue.
            QueueClassUnknownError: it has no such priority class.
            QueueFullError: no room (within `wait_s`); nothing was accepted.
            PayloadInvalidError, MessageTooLargeError, PermissionDeniedError, BusUnavailableError
        """
        if self._bus is None:
            await self.connect()
        target = self._targets.get(queue) or await self._targets.find(queue, self.bus, self.principal)
        message = self._message(type or f"task.{queue}", data, id, correlation_id)
        message.partitionkey = key
        if not options and target.is_plain and not self._connected.governed_tasks:
            return await self._send(target.stream, target.subject, message)
        return await self._enqueue(target, message, options)

    async def call(
        self,
        skill: str,
        input: Any = None,  # noqa: A002 -- the A2A word
        *,
        agent: str | None = None,
        instance: str | None = None,
        result_type: Any = Any,
        timeout_s: float = CALL_TIMEOUT_S,
        on_progress: OnProgress | None = None,
    ) -> Any:
        """Call a skill and return its output, decoded as `result_type`.

        Args:
            skill: name of the skill; any healthy instance that offers it may answer.
            input: any value with a JSON form.
            agent: only an instance of this agent.
            instance: only this instance of `agent`.
            timeout_s: how long to wait for the result; carried to the callee.
            on_progress: called with each `Progress` the callee reports.

        Raises:
            SkillUnknownError: no registered agent has the skill.
            AgentOfflineError: at once, when none of them is connected.
            CallTimeoutError: no result within `timeout_s`.
            CallFailedError: the handler raised.
            PayloadInvalidError: the input does not fit the skill's schema.
        """
        await self.connect()
        message = self._message(f"call.{skill}", input)
        target = subjects.call(self.workspace, self.principal, skill, agent, instance)
        headers = {"Content-Type": ce.CONTENT_TYPE, frames.HEADER_TIMEOUT: f"{timeout_s:.3f}"}
        assert self._calls is not None
        try:
            raw = await self._calls.send(
                target, skill, ce.encode(message), headers, timeout_s=timeout_s, on_progress=on_progress
            )
        except NobodyThereError:
            raise await self._why_nobody(skill, agent) from None
        return payloads.Codec(result_type).decode(ce.data_bytes(ce.decode(raw)))

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
        self._calls = Calls(bus, found.workspace, found.principal)
        self._governed = Governed(bus)
        await self._publisher.open()
        await self.rules.start(bus)
        self._bus = bus

    def _message(
        self, event_type: str, data: Any, message_id: str | None = None, correlation_id: str | None = None
    ) -> ce.Envelope:
        """Make the envelope; what is sent while a message is handled is linked to it."""
        message = ce.Envelope(
            specversion="1.0",
            id=message_id or new_id(),
            source=self._source,
            type=event_type,
            time=ce.now_rfc3339(),
            datacontenttype=ce.JSON_DATA,
            data=msgspec.Raw(payloads.encode(data)),
            traceparent=next_traceparent(),
        )
        return link(message, correlation_id)

    def _send(self, stream: str, target: str, message: ce.Envelope) -> "asyncio.Future[Ack]":
        if self._publisher is None:
            raise ClientClosedError
        return self._publisher.publish(
            stream,
            target,
            ce.encode(message),
            msg_id=f"{self.principal}:{message.id}",
            ack_id=message.id,
            headers=_CE_HEADERS,
            key=message.partitionkey,
        )

    async def _enqueue(self, target: Target, message: ce.Envelope, options: EnqueueOptions) -> Ack:
        if options.get("priority") not in {None, *target.layout.classes}:  # it may have been declared just now
            target = await self._targets.find(target.queue, self.bus, self.principal)
        prepare(message, target, options)

        async def send() -> Ack:
            if is_for_the_hub(options):
                return await self.queues.enqueue(target.queue, as_request(message, options))
            if self._connected.governed_tasks:
                return await self._submit(subjects.gate_task(self.workspace, self.principal, target.queue), message)
            subject = subject_of(message, target, self.workspace, self.principal)
            return await self._send(target.stream, subject, message)

        wait_s = options.get("wait_s")
        return await (patiently(send, wait_s) if wait_s else send())

    async def _submit(self, target: str, message: ce.Envelope) -> Ack:
        if self._governed is None:
            raise ClientClosedError
        return await self._governed.send(target, ce.encode(message), {"Content-Type": ce.CONTENT_TYPE})

    async def _why_nobody(self, skill: str, agent: str | None) -> TrunklineError:
        """Tell an unknown skill from an agent that is merely away."""
        try:
            page = await self.api.get("/agents", resources.AgentPage, skill=skill)
        except TrunklineError:
            return AgentOfflineError(f"No instance that offers {skill!r} is connected")
        owners = [found.name for found in page.items if agent in {None, found.name}]
        if not owners:
            of_agent = f" of agent {agent!r}" if agent else ""
            return SkillUnknownError(f"There is no skill {skill!r}{of_agent} in workspace {self.workspace!r}")
        return AgentOfflineError(f"{', '.join(owners)} offers {skill!r} but is not connected")
