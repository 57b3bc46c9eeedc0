"""`TestHub`: run an agent's handlers in the test's own process, without any server.

    async with TestHub(agent) as hub:
        assert await hub.call("greet", "Ada") == "Hello, Ada"
        await hub.enqueue("invoices", {"id": 7})
        assert hub.dead_letters[0].reason == "attempts_exhausted"

Payloads make the whole way through their format, schemas are enforced, failed messages
are tried again by their policy (without waiting), and what is hopeless lands in
`dead_letters` (what a rule drops in `dropped`), as it would in a hub; a queue
knows the classes that `@agent.task` declares. Messages for nobody here are kept in
`events` and `tasks`, so that a test can look at what was sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgspec

from trunkline import payloads
from trunkline.agent import Agent
from trunkline.balancing.crews import wish_of
from trunkline.blobs import blob_of
from trunkline.claims import HandledBeforeError, Key
from trunkline.context import Context, enter, link
from trunkline.handlers import ReaderSpec, SkillSpec
from trunkline.idempotency import MemoryStore, Once
from trunkline.packing import type_of
from trunkline.processing import describe
from trunkline.protocol import binary, media, subjects
from trunkline.protocol import envelope as ce
from trunkline.protocol.error_rules import most_attempts
from trunkline.protocol.errors import (
    AgentOfflineError,
    CallFailedError,
    PayloadGoneError,
    QueueClassUnknownError,
    QueueUnknownError,
    SkillUnknownError,
    TrunklineError,
)
from trunkline.protocol.expiry import expirytime, refuse_expired
from trunkline.protocol.frames import Ack, AttemptError, Progress, RetryPolicy
from trunkline.protocol.queueing import NORMAL, QueueOptions
from trunkline.protocol.trace import next_traceparent
from trunkline.retry import DROPPED, REASON_EXHAUSTED, decide
from trunkline.task_runs import unrecorded
from trunkline.task_trial import TaskTrial

_PRINCIPAL = "test"


@dataclass(frozen=True, kw_only=True)
class TestDeadLetter:
    """A message that nobody could process, and the error of every attempt."""

    __test__ = False

    reader: str
    reason: str
    message: ce.Envelope
    errors: list[AttemptError]


@dataclass
class _Attempts:
    """Attempts at one message so far."""

    errors: list[AttemptError] = field(default_factory=list)
    reason: str | None = None


class TestHub:
    """A hub for tests. It is also the client that handlers see as `ctx.client`."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    def __init__(self, *agents: Agent) -> None:
        self.events: list[ce.Envelope] = []
        """Every event published, in order."""
        self.tasks: dict[str, list[ce.Envelope]] = {}
        """Every message enqueued, by queue."""
        self.dead_letters: list[TestDeadLetter] = []
        self.dropped: list[TestDeadLetter] = []
        """What a rule of a retry policy dropped."""
        self.progress: list[Progress] = []
        """Every progress report of every call, in order."""
        self.blobs: dict[str, bytes] = {}
        """Every payload sent as a `Blob`, by its reference."""
        self._agents = agents
        self._ids: set[str] = set()
        self._by_key: dict[tuple[str, str], Ack] = {}
        self._store = MemoryStore()
        self._delivered: dict[str, list[tuple[ReaderSpec, ce.Envelope]]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def publish(self, event_type: str, data: Any = None, **options: Any) -> Ack:
        """Publish an event and run every handler that follows its type, one after the other."""
        message = await self._message(event_type, data, options)
        duplicate = self._is_duplicate(message)
        if not duplicate:
            self.events.append(message)
            for spec in self._readers("group"):
                if any(subjects.matches(pattern, event_type) for pattern in spec.types or [">"]):
                    await self._process(spec, message)
        return Ack(id=message.id, stream="EVENTS_test", seq=len(self.events), duplicate=duplicate)

    async def enqueue(self, queue: str, data: Any = None, **options: Any) -> Ack:
        """Enqueue work and run its worker, if an agent here takes it.

        Raises:
            QueueUnknownError: no agent here reads the queue.
            QueueClassUnknownError: none of them declares the priority class.
        """
        specs = [spec for spec in self._readers("queue") if spec.name == queue]
        if not specs:
            raise QueueUnknownError(f"No agent in this TestHub takes work from {queue!r}")
        key = (queue, options.get("dedupe_key") or "")
        if key[1] and key in self._by_key:
            return msgspec.structs.replace(self._by_key[key], duplicate=True)
        message = await self._message(options.pop("type", None) or f"task.{queue}", data, options)
        _address(message, specs[0].options or QueueOptions(), options)
        duplicate = self._is_duplicate(message)
        waiting = self.tasks.setdefault(queue, [])
        if not duplicate:
            waiting.append(message)
            await self._process(specs[0], message)
        ack = Ack(id=message.id, stream="TASKS_test", seq=len(waiting), duplicate=duplicate)
        if key[1]:
            self._by_key[key] = ack
        return ack

    async def call(self, skill: str, input: Any = None, **options: Any) -> Any:  # noqa: A002 -- the A2A word
        """Call a skill and return its output, decoded as `result_type`.

        Raises:
            SkillUnknownError, AgentOfflineError, PayloadInvalidError, CallFailedError
        """
        spec = self._skill(skill, options)
        request = await self._message(f"call.{skill}", input, {"content_type": options.get("content_type")})
        payload = await self.payload(request, spec.handler.codec)
        enter(request)
        context = Context(self, request, report=self._reporter(options.get("on_progress")))
        context.task = unrecorded(request, _PRINCIPAL, context.progress)
        try:
            output = await spec.handler(payload, context)
        except TrunklineError:
            raise
        except Exception as error:
            raise CallFailedError(f"{type(error).__name__}: {error}") from error
        kind = payloads.reply_type(output, request.datacontenttype)
        answer = await self._message(f"reply.{skill}", output, {"content_type": kind})
        return await self.payload(answer, payloads.Codec(options.get("result_type", Any)))

    async def start_task(self, skill: str, input: Any = None, **options: Any) -> TaskTrial:  # noqa: A002 -- the A2A word
        """Start long work and return it when it has ended or waits for an answer; options: `agent`, `parts`.

        Raises:
            SkillUnknownError
        """
        spec = self._skill(skill, options)
        trial = TaskTrial(self, spec, options.get("agent") or self._agents[0].name, self.blobs)
        await trial.start(input, options.get("parts", []))
        return trial

    async def payload(self, message: ce.Envelope, kind: Any = Any) -> Any:
        """Return a message's payload as `kind`; see `Client.payload`.

        Raises:
            PayloadInvalidError, PayloadGoneError
        """
        codec = kind if isinstance(kind, payloads.Codec) else payloads.Codec(kind)
        if message.dataref is None or codec.kind is payloads.Nothing:
            return codec.read(message)
        found = self.blobs.get(message.dataref)
        if found is None:
            raise PayloadGoneError(f"There is no blob {message.dataref!r} in this TestHub")
        return codec.decode_as(found, message.datacontenttype or media.OCTETS)

    async def redeliver(self, message_id: str) -> None:
        """Deliver a message again to whoever it went to, as a broker does that missed the acknowledgement."""
        for spec, message in list(self._delivered[message_id]):
            await self._process(spec, message)

    async def _process(self, spec: ReaderSpec, message: ce.Envelope) -> None:
        deliveries = self._delivered.setdefault(message.id, [])
        if (spec, message) not in deliveries:
            deliveries.append((spec, message))
        policy = spec.retry or RetryPolicy()
        attempts = _Attempts()
        for number in range(1, most_attempts(policy) + 1):
            if await self._attempt(spec, message, number, attempts):
                return
            if attempts.reason is not None:
                break
        reason = attempts.reason or REASON_EXHAUSTED
        letter = TestDeadLetter(reader=spec.name, reason=reason, message=message, errors=attempts.errors)
        (self.dropped if reason == DROPPED else self.dead_letters).append(letter)

    async def _attempt(self, spec: ReaderSpec, message: ce.Envelope, number: int, attempts: _Attempts) -> bool:
        """Run the handler once; whether it did its work."""
        try:
            if message.expirytime is not None and spec.lane == "queue":
                refuse_expired(message.expirytime)
            payload = await self.payload(message, spec.handler.codec)
            enter(message)
            key = Key(reader=f"test/{spec.lane}/{spec.name}", sender=_PRINCIPAL, message_id=message.id, run="")
            run = Once(self._store, spec.handler) if spec.once else spec.handler
            await run(payload, Context(self, message, attempt=number, key=lambda: key))
        except HandledBeforeError:
            return True
        except Exception as error:  # noqa: BLE001 -- the edge: a user's handler may raise anything
            attempts.errors.append(describe(error))
            attempts.reason = decide(spec.retry or RetryPolicy(), error, number).reason
            return False
        return True

    async def _message(self, event_type: str, data: Any, options: dict[str, Any]) -> ce.Envelope:
        content_type = options.get("content_type")
        message = ce.new_envelope(
            type=event_type,
            source=f"/test/{_PRINCIPAL}",
            data=None,
            id=options.get("id"),
            subject=options.get("subject"),
            partitionkey=options.get("key"),
            traceparent=next_traceparent(),
        )
        blob = blob_of(data, content_type)
        if blob is not None:
            message.dataref = f"/test/blobs/{len(self.blobs) + 1}"
            message.datacontenttype = blob.content_type
            self.blobs[message.dataref] = await blob.read()
        else:
            kind = content_type or type_of(data)
            binary.carry(message, kind, payloads.encode_as(data, kind))
        return link(message, options.get("correlation_id"))

    def _readers(self, lane: str) -> list[ReaderSpec]:
        return [spec for agent in self._agents for spec in agent.readers if spec.lane == lane]

    def _skill(self, name: str, options: dict[str, Any]) -> SkillSpec:
        """Return the skill of an agent that a call's `agent`, `instance` and `version` allow; a `key` allows any."""
        wish = wish_of(**{key: options.get(key) for key in ("agent", "instance", "version", "key")})
        offering = [agent for agent in self._agents if name in agent.skills and wish.agent in {None, agent.name}]
        if not offering:
            raise SkillUnknownError(f"No agent in this TestHub has the skill {name!r}")
        fitting = [agent for agent in offering if wish.admits(agent.name, agent.instance, agent.version)]
        if not fitting:
            raise AgentOfflineError(f"No agent in this TestHub offers {name!r} in that version or as that instance")
        return fitting[0].skills[name]

    def _is_duplicate(self, message: ce.Envelope) -> bool:
        known = message.id in self._ids
        self._ids.add(message.id)
        return known

    def _reporter(self, on_progress: Callable[[Progress], None] | None) -> Any:
        async def report(progress: Progress) -> None:
            self.progress.append(progress)
            if on_progress is not None:
                on_progress(progress)

        return report


def _address(message: ce.Envelope, declared: QueueOptions, options: dict[str, Any]) -> None:
    """Write into the message what the sender and the queue say, and refuse a class that nobody declared."""
    priority = options.get("priority")
    if priority is not None and priority not in {NORMAL, *(declared.classes or {})}:
        raise QueueClassUnknownError(f"No agent in this TestHub declares the class {priority!r}")
    message.priority = priority
    lasts_s = declared.expires_after_s or 0.0
    message.expirytime = expirytime(options.get("expires_in_s"), options.get("expires_at"), lasts_s)
