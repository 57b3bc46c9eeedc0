"""From delivery to verdict: decode, run the handler, then ack, retry or dead-letter.

The order matters. An attempt record is stored before the message is given
back; a dead letter is stored before the message is terminated. So whatever
dies in between, the message is still somewhere.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from trunkline.claims import HandledBeforeError
from trunkline.client import Client
from trunkline.context import Context, enter
from trunkline.deferral import put_off
from trunkline.delivery import Delivery
from trunkline.idempotency import Once, Place, Store, key_of, was_handled
from trunkline.packing import PATIENCE_S
from trunkline.payloads import Codec
from trunkline.protocol import envelope as ce
from trunkline.protocol import frames, modes, subjects
from trunkline.protocol import receipts as told
from trunkline.protocol.error_rules import most_attempts
from trunkline.protocol.errors import MessageError, MessageExpiredError, TrunklineError
from trunkline.protocol.expiry import refuse_expired
from trunkline.receipts import Book
from trunkline.retry import (
    DROPPED,
    REASON_EXHAUSTED,
    REASON_EXPIRED,
    REASON_INVALID,
    REASON_REJECTED,
    Verdict,
    decide,
)
from trunkline.wire import header_lines

_log = logging.getLogger("trunkline.agent")

__all__ = ["REASON_EXHAUSTED", "REASON_INVALID", "REASON_REJECTED", "REASON_WORKER_LOST", "Identity", "Processor"]

REASON_WORKER_LOST = "worker_lost"

_TRACEBACK_CHARS = 4000
_ERROR_CHARS = 500
_STORE_RETRY_S = 1.0
_OUTCOMES = {None: told.FAILED, DROPPED: told.DROPPED, REASON_EXPIRED: told.EXPIRED}
"""What a receipt calls a failed attempt, by why the message dies; any other death is one."""
_KEPT_HEADERS = frozenset(
    {"traceparent", frames.HEADER_REDRIVE_OF, frames.HEADER_EDITED_BY, frames.HEADER_REPLAY, frames.HEADER_UNPROVEN}
)

Run = Callable[[Any, Context], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who is working: written into every attempt record."""

    agent: str
    instance: str
    version: str


@dataclass(frozen=True, kw_only=True)
class _Failure:
    error: frames.AttemptError
    verdict: Verdict


class Processor:
    """Handles the deliveries of one reader with one handler."""

    def __init__(
        self,
        client: Client,
        frame: frames.Reader,
        codec: Codec,
        run: Run,
        identity: Identity,
        store: Store | None = None,
        *,
        book: Book | None = None,
    ) -> None:
        self.failed = 0
        self._book = book
        self._client = client
        self._codec = codec
        self._once = Once(store, run) if store is not None else None
        self._run = self._once or run
        self._handler = getattr(run, "name", "")
        self._place = Place(client.workspace, frame.lane, frame.name)
        self._identity = identity
        self.refit(frame)

    def refit(self, frame: frames.Reader) -> None:
        """Go on under new settings."""
        self._frame = frame
        self._most_attempts = most_attempts(frame.retry)

    async def handle(self, delivery: Delivery) -> None:
        """Bring one delivery to its end. Never raises but for cancellation."""
        started = time.perf_counter()
        lost = delivery.blamed or delivery.attempt > self._most_attempts
        if lost and not was_handled(self._once, self._place, delivery):
            await self._settle_failure(delivery, _lost(delivery), started)
            return
        try:
            message = modes.read(delivery.payload, delivery.headers)
            self._check(delivery, message)
            if message.dataref is None:
                payload = self._codec.read(message)
            else:
                payload = await self._client.payload(message, self._codec, patience_s=PATIENCE_S)
            enter(message)
            key = partial(key_of, self._place, delivery, message)
            context = Context(
                self._client,
                message,
                attempt=delivery.attempt,
                raw=delivery.payload,
                headers=delivery.headers,
                key=key,
            )
            context.replay_id = delivery.headers.get(frames.HEADER_REPLAY)
            await self._run(payload, context)
        except HandledBeforeError:
            delivery.ack()
        except asyncio.CancelledError as error:
            if is_cancelled():
                delivery.nak()
                raise
            await self._settle_failure(delivery, self._judge(error, delivery), started)
        except Exception as error:  # noqa: BLE001 -- the edge: a user's handler may raise anything
            await self._settle_failure(delivery, self._judge(error, delivery), started)
        else:
            delivery.ack()
            if self._book is not None:
                self._book.settled(delivery, message, started, told.HANDLED, attempt=delivery.deliveries)

    def _check(self, delivery: Delivery, message: ce.Envelope) -> None:
        """Refuse an event that does not fit its type, or came as another, and work that came too late."""
        if self._frame.lane == "group":
            ce.check_subject_type(message, subjects.carried_type(delivery.subject))
            self._client.rules.check_received(message)
        elif message.expirytime is not None:
            self._refuse_expired(delivery, message.expirytime)

    def _refuse_expired(self, delivery: Delivery, expirytime: str) -> None:
        """Refuse what came too late; unless it was done in time, and only its acknowledgement was lost."""
        try:
            refuse_expired(expirytime)
        except MessageExpiredError:
            if not was_handled(self._once, self._place, delivery):
                raise

    async def _settle_failure(self, delivery: Delivery, failure: _Failure, started: float) -> None:
        self.failed += 1
        reason, wait_s = failure.verdict.reason, failure.verdict.delay_s
        attempt = self._attempt(delivery, failure, started)
        try:
            await self._record(delivery, attempt)
            if reason is None:
                if not await put_off(self._client, self._frame, delivery, wait_s):
                    delivery.nak(wait_s)
            elif reason == DROPPED:
                delivery.term(reason)
            else:
                await self._bury(delivery, reason, failure.error)
            if self._book is not None:
                outcome = _OUTCOMES.get(reason, told.DEAD)
                self._book.settled(delivery, None, started, outcome, attempt=delivery.deliveries)
        except TrunklineError as error:
            _log.warning("could not store a failed attempt; the message will come again: %s", error)
            delivery.nak(_STORE_RETRY_S)

    def _judge(self, error: BaseException, delivery: Delivery) -> _Failure:
        return _Failure(error=describe(error), verdict=decide(self._frame.retry, error, delivery.attempt))

    def _attempt(self, delivery: Delivery, failure: _Failure, started: float) -> frames.Attempt:
        reason = failure.verdict.reason
        outcome = "retry" if reason is None else DROPPED if reason == DROPPED else "dead_letter"
        _log.info(
            "attempt %d of %s/%s failed, %s: %s",
            delivery.attempt, self._frame.lane, self._frame.name, reason or "will be tried again",
            failure.error.message,
        )  # fmt: skip
        return frames.Attempt(
            message_id=_message_id(delivery),
            stream_seq=delivery.origin_seq,
            number=delivery.attempt,
            agent=self._identity.agent,
            instance=self._identity.instance,
            version=self._identity.version,
            started_at=ce.now_rfc3339(),
            duration_ms=round((time.perf_counter() - started) * 1000, 3),
            error=failure.error,
            final=reason is not None,
            outcome=outcome,
            handler=self._handler,
        )

    async def _record(self, delivery: Delivery, attempt: frames.Attempt) -> None:
        frame, client = self._frame, self._client
        subject = subjects.attempts(client.workspace, client.principal, frame.lane, frame.name)
        await client.store(
            subjects.attempts_stream(client.workspace),
            subject,
            msgspec.json.encode(attempt),
            msg_id=f"{frame.stream}:{frame.consumer}:{delivery.stream_seq}:{attempt.number}",
        )

    async def _bury(self, delivery: Delivery, reason: str, error: frames.AttemptError) -> None:
        frame, client = self._frame, self._client
        await client.store(
            subjects.dead_stream(client.workspace),
            subjects.dead(client.workspace, client.principal, frame.lane, frame.name),
            delivery.payload,
            msg_id=f"{frame.stream}:{frame.consumer}:{delivery.stream_seq}",
            headers=header_lines(
                dead_headers(delivery, reason, error.message) | {frames.HEADER_AGENT: self._identity.agent}
            ),
        )
        delivery.term(reason)


def dead_headers(delivery: Delivery, reason: str, error: str) -> dict[str, str]:
    """Return the headers of a dead letter: where it came from and why it died."""
    kept = {name: value for name, value in delivery.headers.items() if name in _KEPT_HEADERS}
    return {
        **kept, **modes.kept(delivery.headers),
        frames.HEADER_SUBJECT: delivery.subject,
        frames.HEADER_STREAM_SEQ: str(delivery.origin_seq),
        frames.HEADER_DELIVERIES: str(delivery.attempt),
        frames.HEADER_REASON: reason,
        frames.HEADER_ERROR: error[:_ERROR_CHARS],
    }  # fmt: skip


def describe(error: BaseException) -> frames.AttemptError:
    """Return what an attempt record says about `error`."""
    known = isinstance(error, TrunklineError)
    trace = "" if known else "".join(traceback.format_exception(error))[-_TRACEBACK_CHARS:]
    return frames.AttemptError(
        code=error.code if isinstance(error, TrunklineError) else "handler.raised",
        message=_sentence(error),
        type=type(error).__name__,
        traceback=trace,
        errors=error.errors if isinstance(error, TrunklineError) else [],
    )


def words_of(error: BaseException) -> str:
    """Return `str(error)`, also for an exception that fails to tell."""
    return str(traceback.TracebackException(type(error), error, None))


def _sentence(error: BaseException) -> str:
    text = words_of(error) or type(error).__name__
    if isinstance(error, TrunklineError) and error.errors:
        text += ": " + "; ".join(f"{field.pointer or '/'} {field.detail}" for field in error.errors[:3])
    return text[:_ERROR_CHARS]


def is_cancelled() -> bool:
    """Whether this task itself is to end; else a CancelledError came out of something a handler awaited."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _lost(delivery: Delivery) -> _Failure:
    sentence = f"{delivery.deliveries - 1} workers took the message and were gone before they settled it"
    if delivery.blamed:
        sentence += "; twice it was all that the process was doing when it died"
    return _Failure(
        error=frames.AttemptError(code="worker.lost", message=sentence), verdict=Verdict(reason=REASON_WORKER_LOST)
    )


def _message_id(delivery: Delivery) -> str:
    try:
        return modes.read(delivery.payload, delivery.headers).id
    except MessageError:
        return delivery.headers.get(frames.HEADER_MSG_ID, f"seq-{delivery.stream_seq}")
