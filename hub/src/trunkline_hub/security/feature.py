"""Puts security together."""

from functools import partial

from trunkline_hub.bus.callout import BusGrant, Judge
from trunkline_hub.bus.hubs import HubNews
from trunkline_hub.core.feature import Feature
from trunkline_hub.db import Database
from trunkline_hub.security.api import above, in_workspace
from trunkline_hub.security.service import LastUsed, Security

_REVOKED = "tokens"


def build(security: Security, db: Database, news: HubNews) -> Feature:
    news.on(_REVOKED, security.forget_keys)
    security.tell_revoked = partial(news.announce, _REVOKED)
    security.hears_hubs = news.is_heard
    return Feature(
        name="security",
        routes=[in_workspace, above],
        components=[LastUsed(security, db)],
        permissions={
            "tokens:read": "List tokens.",
            "tokens:write": "Create and revoke tokens, never stronger than one's own.",
            "signin:write": "Make sign-in links for the dashboard.",
            "system:read": "See the hub's health and metrics.",
        },
    )


def judge(security: Security) -> Judge:
    """Return what decides over a connection to the bus."""

    async def decide(token: str, connection: str) -> BusGrant:
        principal, rights = await security.rights(token, connection)
        return BusGrant(
            key_id=principal.key_id, publish=rights.publish, subscribe=rights.subscribe,
            expires_at=principal.expires_at,
        )  # fmt: skip

    return decide
