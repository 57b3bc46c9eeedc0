"""What JetStream says of its streams and consumers, decoded to what we use of it.

`nats-py` turns every answer into its own objects, field by field; with ten
thousand consumers that alone takes a second. These structs take milliseconds.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import msgspec
import nats.errors
from nats.js.errors import ServiceUnavailableError

from trunkline.protocol.errors import BusUnavailableError
from trunkline_hub.bus.connection import HubBus
from trunkline_hub.bus.patience import patiently

T = TypeVar("T", bound="_Answer")

_STREAM_UNKNOWN = 10059
_CONSUMER_UNKNOWN = 10014
_UNKNOWN = frozenset({_STREAM_UNKNOWN, _CONSUMER_UNKNOWN})
_AWAY = 503
_TIMEOUT_S = 10.0
NS = 1_000_000_000


class _ApiError(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Answer(msgspec.Struct, kw_only=True):
    error: _ApiError | None = None
    total: int = 0


class Position(msgspec.Struct):
    """A place in a consumer's own count and in its stream's."""

    consumer_seq: int = 0
    stream_seq: int = 0


class ConsumerShape(msgspec.Struct):
    """A consumer's configuration, as far as we set it."""

    filter_subject: str = ""
    filter_subjects: list[str] | None = None
    ack_wait: int = 0
    max_deliver: int = -1
    max_ack_pending: int = 0
    deliver_policy: str = "all"
    opt_start_seq: int | None = None
    metadata: dict[str, str] | None = None
    pause_until: str | None = None

    @property
    def filters(self) -> list[str]:
        """Its subjects."""
        return self.filter_subjects or ([self.filter_subject] if self.filter_subject else [])


class ConsumerFacts(_Answer, kw_only=True):
    """One consumer now."""

    name: str = ""
    created: datetime = datetime.min.replace(tzinfo=UTC)
    config: ConsumerShape = msgspec.field(default_factory=ConsumerShape)
    delivered: Position = msgspec.field(default_factory=Position)
    ack_floor: Position = msgspec.field(default_factory=Position)
    num_ack_pending: int = 0
    num_redelivered: int = 0
    num_waiting: int = 0
    num_pending: int = 0
    paused: bool = False


class _Consumers(_Answer, kw_only=True):
    consumers: list[ConsumerFacts] | None = None


class _Names(_Answer, kw_only=True):
    streams: list[str] | None = None


class StreamCounts(msgspec.Struct):
    """How much a stream holds."""

    messages: int = 0
    first_seq: int = 0
    last_seq: int = 0
    bytes: int = 0
    subjects: dict[str, int] | None = None


class _Stream(_Answer, kw_only=True):
    state: StreamCounts = msgspec.field(default_factory=StreamCounts)


async def consumers(bus: HubBus, stream: str) -> list[ConsumerFacts]:
    """Return every consumer of `stream`; none where there is no such stream."""
    found: list[ConsumerFacts] = []
    while True:
        page = await _ask(bus, f"CONSUMER.LIST.{stream}", {"offset": len(found)}, _Consumers)
        if page is None or not page.consumers:
            return found
        found += page.consumers
        if len(found) >= page.total:
            return found


async def consumer(bus: HubBus, stream: str, name: str) -> ConsumerFacts | None:
    """Return one consumer, or None."""
    return await _ask(bus, f"CONSUMER.INFO.{stream}.{name}", None, ConsumerFacts)


async def counts(bus: HubBus, stream: str, subjects: str | None = None) -> StreamCounts | None:
    """Return how much a stream holds, by subject where `subjects` (a filter) is given; None where there is no stream."""
    if subjects is None:
        answer = await _ask(bus, f"STREAM.INFO.{stream}", None, _Stream)
        return answer.state if answer else None
    found: dict[str, int] = {}
    while True:
        answer = await _ask(bus, f"STREAM.INFO.{stream}", {"subjects_filter": subjects, "offset": len(found)}, _Stream)
        if answer is None:
            return None
        page = answer.state.subjects or {}
        found |= page
        if not page or len(found) >= answer.total:
            answer.state.subjects = found
            return answer.state


async def streams_on(bus: HubBus, subject: str) -> list[str]:
    """Return the names of the streams that take `subject`."""
    found: list[str] = []
    while True:
        page = await _ask(bus, "STREAM.NAMES", {"subject": subject, "offset": len(found)}, _Names)
        if page is None or not page.streams:
            return found
        found += page.streams
        if len(found) >= page.total:
            return found


async def _ask(bus: HubBus, call: str, body: dict[str, Any] | None, kind: type[T]) -> T | None:
    if not bus.bus.is_up:
        raise BusUnavailableError("The hub is not connected to the broker")
    try:
        answer = await patiently(partial(_answer, bus, call, body, kind))
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(f"The broker did not answer {call}: {error}") from None
    if answer.error is None:
        return answer
    if answer.error.err_code in _UNKNOWN:
        return None
    raise BusUnavailableError(f"The broker did not answer {call}: {answer.error.description}")


async def _answer(bus: HubBus, call: str, body: dict[str, Any] | None, kind: type[T]) -> T:
    payload = b"" if body is None else msgspec.json.encode(body)
    msg = await bus.bus.client.request(f"$JS.API.{call}", payload, timeout=_TIMEOUT_S)
    answer = msgspec.json.decode(msg.data, type=kind)
    if answer.error is not None and answer.error.code == _AWAY:
        raise ServiceUnavailableError(code=_AWAY, description=answer.error.description)
    return answer
