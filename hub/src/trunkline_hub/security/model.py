"""Keys, scopes, and what a principal may do on the bus. Pure."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from trunkline.protocol import queueing, subjects
from trunkline.protocol.errors import FieldError, RequestInvalidError, TokenExpiredError, TokenInvalidError
from trunkline.protocol.queueing import PLAIN, Layout
from trunkline_hub.core.permission import allows, covers
from trunkline_hub.core.principal import EVERY_WORKSPACE, Principal

PREFIX = "tl"
_ID_CHARS = 16
_SECRET_CHARS = 48
_NAME_CHARS = 127
_NAME = re.compile(subjects.NAME_PATTERN)
_MAX_LIFE_S = 100 * 366 * 86400
_ACK = "$JS.ACK"

_MOST_KNOWN = 10_000
_KNOWN_S = 5.0

GrantKind = Literal["agent", "skill", "queue", "group"]
_GRANT_SCOPES = {"queue": "queues:consume", "group": "events:read"}


@dataclass(frozen=True, kw_only=True)
class Key:
    """An API key as stored."""

    id: str
    principal: str
    workspace: str
    scopes: frozenset[str]
    secret_hash: str
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Grant:
    """An agent's right to be itself, to one skill, queue or group; given at its registration."""

    workspace: str
    agent: str
    kind: GrantKind
    name: str


@dataclass(frozen=True, kw_only=True)
class Rights:
    """Subjects a connection may publish to and subscribe to."""

    publish: list[str]
    subscribe: list[str]


@dataclass
class KnownKeys:
    """Keys as they were read lately, so that not every request asks the database; bounded, and soon forgotten.

    Whether a token opens a key, and whether its time is over, is judged at each request all the same.
    """

    _keys: dict[str, tuple[Key, float]] = field(default_factory=dict)
    _era: int = 0

    def get(self, key_id: str, now: float) -> Key | None:
        """Return a key if it was read a moment ago; `now` is monotonic."""
        found = self._keys.get(key_id)
        return found[0] if found is not None and now - found[1] < _KNOWN_S else None

    def era(self) -> int:
        """Return what `add` wants to know: what was read before something was forgotten is not to be kept."""
        return self._era

    def add(self, key: Key, era: int, now: float) -> None:
        """Remember a key that was read in `era`; revoked ones are not worth it."""
        if era != self._era or key.revoked_at is not None:
            return
        if len(self._keys) >= _MOST_KNOWN:
            self._keys.clear()
        self._keys[key.id] = (key, now)

    def forget(self) -> None:
        """Forget all of them: some key was revoked."""
        self._keys.clear()
        self._era += 1


def make_secret(key_id: str, random: str) -> str:
    """Return the token a user holds: `tl_<key id>_<secret>`."""
    return f"{PREFIX}_{key_id}_{random}"


def split_secret(token: str) -> str:
    """Return the key id inside a token.

    Raises:
        TokenInvalidError: it does not have the form of a Trunkline token.
    """
    parts = token.split("_")
    if len(parts) != 3 or parts[0] != PREFIX or len(parts[1]) != _ID_CHARS or len(parts[2]) != _SECRET_CHARS:  # noqa: PLR2004
        raise TokenInvalidError("This is not a Trunkline token, or not all of it")
    return parts[1]


def hash_secret(token: str) -> str:
    """Return the hash that is stored. The secret has 192 random bits, so one round is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def check_key(key: Key | None, token: str, now: datetime) -> Key:
    """Return `key` if `token` opens it now.

    Raises:
        TokenInvalidError: unknown, tampered with, or revoked.
        TokenExpiredError: its time is over.
    """
    if key is None or not hmac.compare_digest(key.secret_hash, hash_secret(token)) or key.revoked_at is not None:
        raise TokenInvalidError
    if key.expires_at is not None and key.expires_at <= now:
        raise TokenExpiredError
    return key


def check_new_token(name: str, principal: str, life_s: int | None) -> None:
    """Refuse names that cannot be stored or are the hub's own, and lives that are none.

    Raises:
        RequestInvalidError: with a pointer for each wrong field.
    """
    problems: list[FieldError] = []
    if not 1 <= len(name) <= _NAME_CHARS or not name.isprintable():
        problems.append(FieldError("/name", f"must be 1 to {_NAME_CHARS} printable characters"))
    if not _NAME.fullmatch(principal):
        problems.append(FieldError("/principal", f"letters, digits, '_', '.', '-'; at most {_NAME_CHARS}"))
    if principal == subjects.HUB:
        problems.append(FieldError("/principal", f"{principal!r} is the hub itself"))
    if life_s is not None and not 1 <= life_s <= _MAX_LIFE_S:
        problems.append(FieldError("/expires_in_s", f"must be 1 to {_MAX_LIFE_S}"))
    if problems:
        raise RequestInvalidError(errors=problems)


def check_scopes(wanted: Iterable[str], known: Iterable[str], held: Iterable[str]) -> None:
    """Refuse scopes that do not exist, and those the giver does not hold.

    Raises:
        RequestInvalidError: with a pointer for each wrong scope.
    """
    known_set, held_set = frozenset(known), frozenset(held)
    nouns = {permission.split(":", 1)[0] for permission in known_set}
    problems: list[FieldError] = []
    for index, scope in enumerate(wanted):
        exists = scope == "*" or scope in known_set or (scope.endswith(":*") and scope[:-2] in nouns)
        if not exists:
            problems.append(FieldError(f"/scopes/{index}", f"{scope!r} is not a scope; see `trunkline tokens scopes`"))
        elif not covers(held_set, scope):
            problems.append(FieldError(f"/scopes/{index}", f"you do not hold {scope!r} yourself"))
    if problems:
        raise RequestInvalidError(errors=problems)


def rights(principal: Principal, grants: Iterable[Grant], layouts: Mapping[str, Layout]) -> Rights:
    """Return the exact subjects for a connection of `principal` that works as the agent of `grants`.

    A grant is the principal's; what of it this token may use, its workspace and scopes say.
    `layouts` tells of the queues granted which consumers they have.
    """
    found = _base_rights(principal)
    for grant in grants:
        needed = {"agents:register"} | ({_GRANT_SCOPES[grant.kind]} if grant.kind in _GRANT_SCOPES else set())
        if not principal.works_in(grant.workspace) or not all(allows(principal.scopes, scope) for scope in needed):
            continue
        extra = _grant_rights(principal.name, grant, layouts.get(grant.name, PLAIN))
        found.publish.extend(extra.publish)
        found.subscribe.extend(extra.subscribe)
    return Rights(publish=sorted(set(found.publish)), subscribe=sorted(set(found.subscribe)))


def _base_rights(principal: Principal) -> Rights:
    name, scopes = principal.name, principal.scopes
    everywhere = principal.workspace == EVERY_WORKSPACE
    workspace = "*" if everywhere else principal.workspace
    publish: list[str] = []
    rules = subjects.event_filter(workspace, "trunkline.event_type.changed", subjects.HUB)
    subscribe = [f"{subjects.inbox_prefix(name)}.>", rules]  # who sends must know the rules it is held to
    for lane, permission in (("events", "events:submit"), ("tasks", "queues:submit")):
        if allows(scopes, permission):
            publish.append(f"{subjects.ROOT}.{workspace}.gate.{subjects.token(name)}.{lane}.>")
    if allows(scopes, "events:publish"):
        publish.append(subjects.event_filter(workspace, ">", name))
    if allows(scopes, "queues:enqueue"):
        roots = ("tasks", "limited", "paged.*")
        publish += [f"{subjects.ROOT}.{workspace}.{root}.*.*.*.{subjects.token(name)}" for root in roots]
    if allows(scopes, "queues:submit"):
        subscribe.append(f"{subjects.ROOT}.{workspace}.changed.queue.*")
    if allows(scopes, "agents:call"):
        publish += [f"{subjects.ROOT}.{workspace}.{root}.{subjects.token(name)}.>" for root in ("call", "cancel")]
        subscribe.append(f"{subjects.ROOT}.{workspace}.reply.*.{subjects.token(name)}.>")
        subscribe.append(subjects.crew(workspace))
    if allows(scopes, "events:read"):
        publish.append("$JS.FC.>" if everywhere else f"$JS.FC.{subjects.events_stream(workspace)}.>")
    return Rights(publish=publish, subscribe=subscribe)


def _grant_rights(principal: str, grant: Grant, layout: Layout) -> Rights:
    if grant.kind == "agent":  # to give signs of life
        beat = f"{subjects.ROOT}.{grant.workspace}.beat.{subjects.token(principal)}.{subjects.token(grant.agent)}.*"
        course = subjects.work_filter(grant.workspace, writer=principal, agent=grant.agent)
        return Rights(
            publish=[beat, course], subscribe=[subjects.ROLLCALL, subjects.probe(grant.workspace, grant.agent)]
        )
    if grant.kind == "skill":
        return Rights(
            publish=[
                f"{subjects.ROOT}.{grant.workspace}.reply.{subjects.token(grant.name)}.>",
                subjects.receipts(grant.workspace, principal, "call", grant.name),
            ],
            subscribe=[
                subjects.call_filter(grant.workspace, grant.name, None, None),
                f"{subjects.ROOT}.{grant.workspace}.call.*.{subjects.token(grant.name)}.{subjects.token(grant.agent)}.*",
                subjects.cancel_filter(grant.workspace, grant.name),
            ],
        )
    return Rights(
        publish=[
            *(subject for place in _consumers(grant, layout) for subject in _consumer_rights(*place)),
            subjects.attempts(grant.workspace, principal, grant.kind, grant.name),
            subjects.dead(grant.workspace, principal, grant.kind, grant.name),
            subjects.deferred(grant.workspace, principal, grant.kind, grant.name),
            subjects.receipts(grant.workspace, principal, grant.kind, grant.name),
        ],
        subscribe=[subjects.changed(grant.workspace, grant.kind, grant.name)],
    )


def _consumers(grant: Grant, layout: Layout) -> list[tuple[str, str]]:
    """Return (stream, consumer) of everything a reader reads from."""
    if grant.kind == "queue":
        stream = queueing.stream(grant.workspace, grant.name, layout)
        return [(stream, lane.consumer) for lane in queueing.lanes(grant.name, layout)]
    return [(subjects.events_stream(grant.workspace), subjects.consumer("group", grant.name))]


def _consumer_rights(stream: str, consumer: str) -> list[str]:
    return [
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}",
        f"{_ACK}.{stream}.{consumer}.>",
        f"{_ACK}.*.*.{stream}.{consumer}.>",
    ]
