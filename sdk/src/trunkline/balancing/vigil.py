"""Whether the instances that were called are still there.

Where a call is under way for longer than a moment, its instance is asked for a
sign of life by the way calls come. The broker itself says when nobody listens
there, so a death is noticed within a second, whether a hub is up or not. Who
is connected but answers nothing is deaf: frozen, or its event loop is blocked.
While this program's own loop is blocked nobody can be heard: that is no sign.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from nats.aio.msg import Msg

from trunkline.balancing.stations import Station
from trunkline.calls import NobodyThereError
from trunkline.protocol import frames
from trunkline.protocol.errors import TrunklineError
from trunkline.wire import header_lines

if TYPE_CHECKING:
    from trunkline.balancing.balancer import Balancer
    from trunkline.balancing.crews import SkillCrew

TICK_S = 0.5
_AFTER_S = 0.4
_DEAF_S = 1.2
_HEADERS = header_lines({frames.HEADER_PROBE: frames.PROBED_BY_CALLER})


class _Probe:
    """A question to one instance."""

    def __init__(
        self, subject: str, began: float, heard: Callable[[], None], failed: Callable[[Exception], None]
    ) -> None:
        self.subject = subject
        self.began = began
        self.number = 0
        self._heard = heard
        self.failed = failed

    def answered(self, _msg: Msg) -> None:
        self._heard()

    def refused(self, _error: TrunklineError, _headers: dict[str, str]) -> None:
        self._heard()

    def told(self, _progress: Any) -> None:
        self._heard()


class Vigil:
    """Asks, as long as any call is under way."""

    def __init__(self, balancer: "Balancer", crews: Callable[[], Iterable["SkillCrew"]]) -> None:
        self._balancer = balancer
        self._crews = crews
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def watch(self) -> None:
        """See to it that it runs."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + TICK_S
            self._timer = loop.call_at(self._due, self._tick)

    def close(self) -> None:
        """End it."""
        if self._timer is not None:
            self._timer.cancel()

    def look(self, crew: "SkillCrew", station: Station) -> None:
        """Ask one now."""
        if station.probe is None:
            self._ask(crew, station, asyncio.get_running_loop().time())

    def _tick(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        late, goes_on = now - self._due, False
        for crew in self._crews():
            for station in (*crew.stations.values(), *crew.leaving):
                if station.probe is not None:
                    station.probe.began += late
                if station.attempts or station.is_deaf:
                    goes_on = True
                    self._consider(crew, station, now)
                elif station.probe is not None:
                    self._forget(station)
        if goes_on:
            self.watch()

    def _consider(self, crew: "SkillCrew", station: Station, now: float) -> None:
        if station.probe is not None:
            if now - station.probe.began > _DEAF_S:
                self._forget(station)  # to be asked anew: what it has taken the broker will not say
                self._unheard(crew, station, now)
        elif station.is_deaf or now - next(iter(station.attempts.values())).began > _AFTER_S:
            self._ask(crew, station, now)

    def _unheard(self, crew: "SkillCrew", station: Station, now: float) -> None:
        if not station.is_deaf:
            station.is_deaf = True
            station.failures += 1
            crew.eject(station, now)
        for attempt in list(station.attempts.values()):
            attempt.unheard()

    def _ask(self, crew: "SkillCrew", station: Station, now: float) -> None:
        desk = self._balancer.desk
        if not desk.bus.is_up:
            return

        def heard() -> None:
            self._forget(station)
            if station.is_deaf:
                station.is_deaf = False
                crew.eject(station, asyncio.get_running_loop().time())  # it has a backlog

        def failed(error: Exception) -> None:
            self._forget(station)
            if isinstance(error, NobodyThereError):
                station.is_deaf = False
                crew.vanished(station, asyncio.get_running_loop().time())
                self._balancer.doubt(crew)
                for attempt in list(station.attempts.values()):
                    attempt.died()

        probe = _Probe(f"{self._balancer.prefix(desk.principal)}{station.tail}", now, heard, failed)
        probe.number = desk.post(crew.skill, b"", _HEADERS, probe)
        station.probe = probe

    def _forget(self, station: Station) -> None:
        self._balancer.desk.forget(station.probe.number)
        station.probe = None
