"""Puts dead letters together."""

from trunkline.protocol import subjects
from trunkline_hub.bus import HubBus
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.dead_letters.api import router
from trunkline_hub.dead_letters.events import (
    AttemptIndex,
    DeadLetterIndex,
    LetterRetention,
    LetterWorks,
    Workspaces,
)
from trunkline_hub.dead_letters.service import DeadLetters


def build(
    bus: HubBus, db: Database, letters: DeadLetters, retention: LetterRetention, workspaces: Workspaces
) -> Feature:
    async def dead_streams() -> list[str]:
        return [subjects.dead_stream(workspace) for workspace in await workspaces()]

    async def attempt_streams() -> list[str]:
        return [subjects.attempts_stream(workspace) for workspace in await workspaces()]

    works = LetterWorks(bus, db, letters)
    return Feature(
        name="dead_letters",
        routes=[router],
        components=[DeadLetterIndex(bus, dead_streams, db), AttemptIndex(bus, attempt_streams, db), retention],
        jobs={"dead_letters.redrive": works.redrive, "dead_letters.discard": works.discard},
        permissions={
            "dead_letters:read": "List and inspect dead letters, payloads included.",
            "dead_letters:redrive": "Send dead letters back to where they came from, edit them, send them elsewhere.",
            "dead_letters:discard": "Put dead letters aside, with a reason.",
        },
    )
