"""Puts handlers together."""

from trunkline_hub.audit import Audit
from trunkline_hub.bus.hubs import HubNews
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.handlers.api import router
from trunkline_hub.handlers.events import HandlerRunner, Lanes
from trunkline_hub.handlers.ports import GroupDesk
from trunkline_hub.handlers.service import Handlers
from trunkline_hub.revisions import Revisions

_TOPIC = "handlers"


def build(db: Database, audit: Audit, news: HubNews, groups: GroupDesk, lanes: Lanes, *, hub_id: str) -> Feature:
    runner = HandlerRunner(db, lanes, hub_id=hub_id)

    async def tell_hubs() -> None:
        await news.announce(_TOPIC)

    news.on(_TOPIC, runner.on_change)
    return Feature(
        name="handlers",
        routes=[router],
        services={"handlers": Handlers(lanes.bus, audit, Revisions(), groups, tell_hubs)},
        components=[runner],
        permissions={
            "handlers:read": "See declared handlers and how far they are.",
            "handlers:write": "Declare, pause and remove handlers that do what one may do oneself.",
        },
    )
