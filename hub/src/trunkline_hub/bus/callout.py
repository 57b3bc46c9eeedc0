"""Auth callout (ADR-26): the token that opens HTTP opens NATS, with the same rights.

Every hub answers, in one queue group. The answer is a user JWT, signed with
the account key that the broker's configuration names as issuer. It ends with
the token, at most an hour ahead; then the client comes back and is judged anew.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec
import nkeys
import structlog
from nats.aio.msg import Msg

from trunkline.connection import Bus, Dial
from trunkline.protocol.errors import AccessError
from trunkline.protocol.ids import new_id
from trunkline_hub.bus.connection import open_patiently
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.core.component import Component

_log = structlog.get_logger("callout")
_SUBJECT = "$SYS.REQ.USER.AUTH"
_LIFE_S = 3600


@dataclass(frozen=True, kw_only=True)
class BusGrant:
    """What a connection may do: exact subjects, nothing else."""

    key_id: str
    publish: list[str]
    subscribe: list[str]
    expires_at: datetime | None


Judge = Callable[[str, str], Awaitable[BusGrant]]
"""(token, connection name) → grant; raises AccessError."""


class _ConnectOptions(msgspec.Struct):
    auth_token: str = ""
    name: str = ""


class _ServerId(msgspec.Struct):
    id: str


class _Request(msgspec.Struct):
    user_nkey: str
    server_id: _ServerId
    connect_opts: _ConnectOptions


class _Claims(msgspec.Struct):
    nats: _Request


class Callout(Component):
    """Answers the broker's question "may this one in, and what may it do?"."""

    name: ClassVar[str] = "auth-callout"

    def __init__(self, settings: BusSettings, judge: Judge, *, hub_id: str) -> None:
        super().__init__()
        self._settings = settings
        self._judge = judge
        self._key = nkeys.from_seed(settings.issuer_seed.get_secret_value().encode())
        self._issuer = self._key.public_key.decode()
        self._bus = Bus(
            Dial(
                urls=settings.urls,
                name=f"callout {hub_id}",
                inbox_prefix="_INBOX",
                user=settings.auth_user,
                password=settings.auth_password.get_secret_value(),
            )
        )

    async def run(self) -> None:
        await open_patiently(self._bus)
        await self._bus.subscribe(_SUBJECT, self._answer, queue="trunkline-hubs")
        await self._bus.flush()
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await self._bus.close()

    def ailment(self) -> str | None:
        return None if self._bus.is_up else "the broker is not reachable"

    async def _answer(self, msg: Msg) -> None:
        request = msgspec.json.decode(_payload(msg.data), type=_Claims).nats
        body: dict[str, Any] = {"type": "authorization_response", "version": 2}
        options = request.connect_opts
        try:
            grant = await self._judge(options.auth_token, options.name)
            body["jwt"] = self._user_jwt(request, grant)
        except AccessError as error:
            _log.info("connection_refused", connection=options.name, code=error.code)
            body["error"] = error.detail
        except Exception:  # noqa: BLE001 -- an edge: an unanswered callout would stall the client for seconds
            _log.exception("callout_failed")
            body["error"] = "the hub could not judge the token"
        claims = {"aud": request.server_id.id, "sub": request.user_nkey, "nats": body}
        await msg.respond(self._sign(claims))

    def _user_jwt(self, request: _Request, grant: BusGrant) -> str:
        expires = int(time.time()) + _LIFE_S
        if grant.expires_at is not None:
            expires = min(expires, int(grant.expires_at.timestamp()))
        rights = {
            "pub": {"allow": grant.publish} if grant.publish else {"deny": [">"]},
            "sub": {"allow": grant.subscribe} if grant.subscribe else {"deny": [">"]},
            "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2,
        }  # fmt: skip
        claims = {
            "aud": self._settings.account, "sub": request.user_nkey, "name": grant.key_id,
            "exp": expires, "nats": rights,
        }  # fmt: skip
        return self._sign(claims).decode()

    def _sign(self, claims: dict[str, Any]) -> bytes:
        stamped = {"iss": self._issuer, "iat": int(time.time()), "jti": new_id(), **claims}
        unsigned = b".".join(_b64(msgspec.json.encode(part)) for part in (_HEADER, stamped))
        return unsigned + b"." + _b64(self._key.sign(unsigned))


_HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}


def _b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _payload(token: bytes) -> bytes:
    part = token.split(b".")[1]
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
