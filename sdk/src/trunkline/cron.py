"""`@agent.cron`: a schedule and the queue that its function works off."""

from dataclasses import dataclass

from trunkline.protocol.resources import ScheduleDeclaration
from trunkline.rest import SchedulesApi


@dataclass(frozen=True, kw_only=True)
class CronSpec:
    """A schedule that an agent declares at its start."""

    name: str
    declaration: ScheduleDeclaration


async def declare_all(api: SchedulesApi, specs: list[CronSpec]) -> None:
    """Declare an agent's schedules; those that are as they should be stay untouched."""
    for spec in specs:
        await api.declare(spec.name, spec.declaration)
