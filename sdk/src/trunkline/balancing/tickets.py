"""One call: sent, tried again, hedged, given up. All of it happens in callbacks, so the common case is one future."""

import asyncio
from typing import TYPE_CHECKING

from nats.aio.msg import Msg

from trunkline.balancing.stations import Station
from trunkline.calls import NobodyThereError
from trunkline.protocol import frames, subjects
from trunkline.protocol.errors import CallFailedError, CallTimeoutError, TrunklineError

if TYPE_CHECKING:
    from trunkline.balancing.balancer import Balancer, Order
    from trunkline.balancing.crews import SkillCrew

_PATIENT_S = 1.0
_PATIENT_FACTOR = 3.0
"""A timeout tells of the callee only if the caller waited this long, and so many times longer than usual."""
_HEDGE_MIN_S = 0.002
_MAX_ATTEMPTS = 4
_HEADERS = b"%s" + frames.HEADER_TIMEOUT.encode() + b": %.3f\r\n"


class Attempt:
    """One message to one instance, or to whoever the broker chooses."""

    __slots__ = ("_ticket", "began", "number", "station", "subject")

    def __init__(self, ticket: "Ticket", station: Station | None, subject: str, began: float) -> None:
        self._ticket = ticket
        self.station = station
        self.subject = subject
        self.began = began
        self.number = 0

    def answered(self, msg: Msg) -> None:
        self._ticket.answered(self, msg)

    def refused(self, error: TrunklineError, headers: dict[str, str]) -> None:
        self._ticket.refused(self, error, headers)

    def failed(self, error: Exception) -> None:
        self._ticket.failed(self, error)

    def told(self, progress: frames.Progress) -> None:
        self._ticket.told(progress)

    def died(self) -> None:
        """The instance is no longer there."""
        self._ticket.died(self)

    def unheard(self) -> None:
        """The instance is connected but answers nothing."""
        self._ticket.unheard()


class Ticket:
    """One call and its attempts; the first answer wins."""

    __slots__ = (
        "_attempts",
        "_balancer",
        "_crew",
        "_future",
        "_hedge",
        "_loop",
        "_order",
        "_timer",
        "_tried",
        "_until",
    )

    def __init__(self, balancer: "Balancer", crew: "SkillCrew", order: "Order") -> None:
        self._loop = asyncio.get_running_loop()
        self._balancer = balancer
        self._crew = crew
        self._order = order
        self._future: asyncio.Future[Msg] = self._loop.create_future()
        self._until = self._loop.time() + order.timeout_s
        self._attempts: dict[int, Attempt] = {}
        self._tried: list[Station] = []
        self._hedge: asyncio.TimerHandle | None = None
        self._timer = self._loop.call_at(self._until, self._expire)

    async def run(self, first: Station | None) -> Msg:
        """Send it and return the answer."""
        self._send(first)
        crew = self._crew
        if crew.is_idempotent and crew.p95_s and len(crew.stations) > 1:
            self._hedge = self._loop.call_later(max(crew.p95_s, _HEDGE_MIN_S), self._send_hedge)
        try:
            return await self._future
        except asyncio.CancelledError:
            crew.cancelled += 1
            crew.breaker(self._order.caller).release()
            self._balancer.desk.cancel(self._order.caller, self._order.skill, self._order.call_id)
            raise
        finally:
            self._timer.cancel()
            if self._hedge is not None:
                self._hedge.cancel()
            if self._attempts:
                self._drop_all()

    def answered(self, attempt: Attempt, msg: Msg) -> None:
        if self._settled(attempt, msg.headers or {}):
            self._future.set_result(msg)

    def refused(self, attempt: Attempt, error: TrunklineError, headers: dict[str, str]) -> None:
        if self._settled(attempt, headers):
            self._future.set_exception(error)

    def told(self, progress: frames.Progress) -> None:
        if self._order.on_progress is not None and not self._future.done():
            self._order.on_progress(progress)

    def failed(self, attempt: Attempt, error: Exception) -> None:
        """Nobody is there: try the next. Anything else ends the call."""
        self._end(attempt)
        if not isinstance(error, NobodyThereError):
            if not self._attempts:
                self._fail(error)
            return
        if attempt.station is None:
            if not self._attempts:
                self._fail(error)
            return
        self._crew.vanished(attempt.station, self._loop.time())
        self._balancer.doubt(self._crew)
        if self._attempts or self._future.done():
            return
        self._elsewhere_surely_not_begun()

    def died(self, attempt: Attempt) -> None:
        """It was begun, maybe: only what is idempotent is tried again."""
        self._end(attempt)
        assert attempt.station is not None
        now = self._loop.time()
        self._crew.failed(attempt.station, now)
        self._crew.breaker(self._order.caller).note(False, now)
        if self._future.done() or self._attempts:
            return
        if not self._send_again():
            self._fail(CallFailedError(f"{attempt.station.key} was gone before it answered {self._order.skill!r}"))
        else:
            self._crew.failovers += 1

    def unheard(self) -> None:
        """Ask another too, where that does no harm; this one may still answer."""
        if len(self._attempts) == 1 and not self._future.done() and self._send_again():
            self._crew.failovers += 1

    def _send_again(self) -> bool:
        """Send it to one who was not tried, if it is idempotent and the budget allows."""
        now = self._loop.time()
        if not self._crew.is_idempotent or now >= self._until or len(self._tried) >= _MAX_ATTEMPTS:
            return False
        station = self._crew.pick(now, self._order.wish, self._tried)
        if station is None or not self._crew.budget.take(now):
            return False
        self._send(station)
        return True

    def _elsewhere_surely_not_begun(self) -> None:
        now = self._loop.time()
        station = None
        if len(self._tried) < _MAX_ATTEMPTS and self._crew.budget.take(now):
            station = self._crew.pick(now, self._order.wish, self._tried)
        if station is None and self._order.wish.version is not None:  # the broker knows of no versions
            self._fail(NobodyThereError())
            return
        self._crew.retries += 1
        self._send(station)

    def _send_hedge(self) -> None:
        if not self._future.done() and len(self._attempts) == 1 and self._send_again():
            self._crew.hedges += 1

    def _send(self, station: Station | None) -> None:
        order, desk, now = self._order, self._balancer.desk, self._loop.time()
        if station is None:
            wish = order.wish
            subject = subjects.call(desk.workspace, order.caller, order.skill, wish.agent, wish.instance)
        else:
            subject = f"{self._balancer.prefix(order.caller)}{station.tail}"
        attempt = Attempt(self, station, subject, now)
        headers = _HEADERS % (order.headers, max(self._until - now, 0.001))
        number = attempt.number = desk.post(order.skill, order.payload, headers, attempt)
        self._attempts[number] = attempt
        if station is not None:
            self._tried.append(station)
            station.requests += 1
            station.attempts[number] = attempt
            self._balancer.vigil.watch()

    def _settled(self, attempt: Attempt, headers: dict[str, str]) -> bool:
        """Take the attempt for answered; whether that is news."""
        self._end(attempt)
        now = self._loop.time()
        if attempt.station is not None:
            load = headers.get(frames.HEADER_LOAD, "")
            self._crew.answered(attempt.station, now - attempt.began, now, int(load) if load.isdecimal() else 0)
        else:
            self._balancer.met(self._crew, headers.get(frames.HEADER_INSTANCE))
        self._crew.breaker(self._order.caller).note(True, now)
        if self._future.done():
            return False
        if self._attempts:
            self._balancer.desk.cancel(self._order.caller, self._order.skill, self._order.call_id)
        return True

    def _expire(self) -> None:
        if self._future.done():
            return
        now = self._loop.time()
        told_of = [attempt for attempt in self._attempts.values() if self._was_patient(attempt, now)]
        for attempt in told_of:
            if attempt.station is not None:
                self._crew.failed(attempt.station, now)
        breaker = self._crew.breaker(self._order.caller)
        breaker.note(False, now) if told_of else breaker.release()
        order = self._order
        self._balancer.desk.cancel(order.caller, order.skill, order.call_id)
        self._fail(CallTimeoutError(f"No answer from {order.skill!r} within {order.timeout_s:g} s"))

    def _was_patient(self, attempt: Attempt, now: float) -> bool:
        usual = attempt.station.ewma_s if attempt.station is not None else 0.0
        return now - attempt.began >= max(_PATIENT_S, usual * _PATIENT_FACTOR)

    def _fail(self, error: Exception) -> None:
        if not self._future.done():
            self._crew.breaker(self._order.caller).release()
            self._future.set_exception(error)

    def _end(self, attempt: Attempt) -> None:
        self._balancer.desk.forget(attempt.number)
        self._attempts.pop(attempt.number, None)
        if attempt.station is not None:
            attempt.station.attempts.pop(attempt.number, None)

    def _drop_all(self) -> None:
        """Those that lost: they took at least this long."""
        now = self._loop.time()
        for attempt in list(self._attempts.values()):
            self._end(attempt)
            if attempt.station is not None and now - attempt.began > attempt.station.ewma_s:
                attempt.station.learn(now - attempt.began, now)
