"""Who is deaf, and who only could not be heard."""

import asyncio
import time
from types import SimpleNamespace

from trunkline.balancing.crews import SkillCrew
from trunkline.balancing.vigil import Vigil
from trunkline.protocol.resources import Crew, CrewMember

from support.hub import eventually


class _Silent:
    """A desk whose questions nobody answers."""

    principal = "caller"
    bus = SimpleNamespace(is_up=True)

    def __init__(self):
        self.desk = self
        self.asked = 0

    def prefix(self, caller):
        return f"tl.default.call.{caller}."

    def post(self, _skill, _payload, _headers, _asking):
        self.asked += 1
        return self.asked

    def forget(self, _number): ...


async def test_while_our_own_loop_is_blocked_nobody_is_taken_for_deaf():
    loop, silent, crew = asyncio.get_running_loop(), _Silent(), SkillCrew("s")
    member = CrewMember(agent="a", instance="i", version="1.0.0", state="healthy", weight=1.0)
    crew.follow(Crew(skill="s", members=[member], idempotent=False, balance=None))
    (station,) = crew.stations.values()
    station.attempts[1] = SimpleNamespace(began=loop.time(), unheard=lambda: None, died=lambda: None)
    vigil = Vigil(silent, lambda: [crew])
    vigil.watch()
    await eventually(lambda: silent.asked)
    time.sleep(2.0)  # noqa: ASYNC251 -- it is what is tried
    await asyncio.sleep(0.05)
    assert not station.is_deaf, "nothing could have been heard meanwhile"
    began = loop.time()
    await eventually(lambda: station.is_deaf)
    assert loop.time() - began > 0.3
    vigil.close()
