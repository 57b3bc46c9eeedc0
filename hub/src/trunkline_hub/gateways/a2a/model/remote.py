"""A2A agents elsewhere: their cards as registrations, and how two cards differ."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from trunkline.protocol.errors import A2ACardError, FieldError, RequestInvalidError, pointer
from trunkline.protocol.frames import Interface, Registration, Skill
from trunkline.protocol.resources import Change
from trunkline.protocol.subjects import NAME_PATTERN
from trunkline.protocol.tasks import Part, TaskMessage
from trunkline_hub.core.changes import changes

BINDINGS = ("JSONRPC", "HTTP+JSON", "GRPC")
GRPC = "GRPC"
_NAME = re.compile(NAME_PATTERN)
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")
_MOST_SKILLS = 1000
_TLS_PORT = 443
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,127}")
_MESSAGE_KEYS = frozenset({"id", "role", "parts"})


def check_declaration(name: str | None, url: str, headers: Mapping[str, str]) -> None:
    """Refuse what can be no agent.

    Raises:
        RequestInvalidError
    """
    problems: list[FieldError] = []
    if name is not None and not _NAME.fullmatch(name):
        problems.append(FieldError("/name", "letters, digits, '_', '.', '-'; at most 127"))
    if not urlsplit(url).scheme:
        problems.append(FieldError("/url", "must be an address with its scheme"))
    for key, value in headers.items():
        if not _HEADER.fullmatch(key) or not value.isprintable() or not value.isascii():
            problems.append(FieldError(pointer(["headers", key]), "must be a header"))
    if problems:
        raise RequestInvalidError(errors=problems)


def check_card(card: Any) -> dict[str, Any]:
    """Return a card if the hub can use it.

    Raises:
        A2ACardError
    """
    if not isinstance(card, dict) or not isinstance(card.get("skills"), list) or not card.get("name"):
        raise A2ACardError("It has no name, or no skills")
    if len(card["skills"]) > _MOST_SKILLS:
        raise A2ACardError(f"It has more than {_MOST_SKILLS:,} skills")
    if not any(isinstance(skill, dict) and skill.get("id") for skill in card["skills"]):
        raise A2ACardError("None of its skills has an id")
    interface_of(card)
    return card


def interface_of(card: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first interface of a card that the hub can speak to: cards name first what they prefer.

    Raises:
        A2ACardError
    """
    for one in card.get("supportedInterfaces") or []:
        if not isinstance(one, dict) or one.get("protocolBinding") not in BINDINGS or not one.get("url"):
            continue
        if one["protocolBinding"] != GRPC or grpc_target(str(one["url"])) is not None:
            return one
    raise A2ACardError(f"It offers none of {', '.join(BINDINGS)}")


def skills_of(agent: str, card: Mapping[str, Any]) -> dict[str, str]:
    """Return our name of each skill with that of the agent's own."""
    ids = [str(skill["id"]) for skill in card["skills"] if isinstance(skill, dict) and skill.get("id")]
    return {f"{agent}.{_UNFIT.sub('-', one).strip('-') or 'skill'}"[:127]: one for one in ids}


def registration_of(agent: str, card: Mapping[str, Any]) -> Registration:
    """Return what the catalogue is told of an agent.

    Raises:
        A2ACardError
    """
    names = {theirs: ours for ours, theirs in skills_of(agent, card).items()}
    found = [skill for skill in card["skills"] if isinstance(skill, dict) and str(skill.get("id")) in names]
    used = interface_of(card)
    try:
        skills = [_skill(names[str(one["id"])], one) for one in found]
    except msgspec.ValidationError as error:
        raise A2ACardError(f"A skill of it is malformed: {error}") from None
    interface = Interface(
        protocol="a2a", url=str(used["url"]), binding=str(used["protocolBinding"]),
        version=str(used.get("protocolVersion", "")),
    )  # fmt: skip
    return Registration(
        version=str(card.get("version") or "0.0.0")[:63], title=str(card["name"])[:255],
        description=str(card.get("description") or "").replace("\0", ""), interfaces=[interface], skills=skills,
        documentation_url=str(card.get("documentationUrl") or ""), icon_url=str(card.get("iconUrl") or ""),
    )  # fmt: skip


def _skill(name: str, card: Mapping[str, Any]) -> Skill:
    given = {
        "name": name, "title": card.get("name") or "", "description": card.get("description") or "",
        "tags": card.get("tags") or [], "examples": card.get("examples") or [],
        "input_modes": card.get("inputModes") or [], "output_modes": card.get("outputModes") or [],
    }  # fmt: skip
    return msgspec.convert(given, Skill)


def changes_of(before: Any, after: Any) -> list[Change]:
    """Return how two cards differ, signatures aside."""
    return changes(_unsigned(before), _unsigned(after))


def _unsigned(card: Any) -> Any:
    return {key: value for key, value in card.items() if key != "signatures"} if isinstance(card, dict) else card


def message_of(payload: Any, skill: str, call_id: str) -> TaskMessage:
    """Return what a remote agent is told when one of its skills is called here."""
    if isinstance(payload, dict) and payload.keys() >= _MESSAGE_KEYS:
        try:
            given = msgspec.convert(payload, TaskMessage)
        except msgspec.ValidationError:
            pass
        else:
            return msgspec.structs.replace(given, role="user", metadata={**given.metadata, "skill": skill})
    part = Part(text=payload) if isinstance(payload, str) else Part(data=payload, media_type="application/json")
    return TaskMessage(id=call_id, role="user", parts=[part], metadata={"skill": skill})


@dataclass(frozen=True, kw_only=True)
class GrpcTarget:
    """Where a gRPC interface is."""

    host: str
    port: int
    is_tls: bool

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def grpc_target(url: str) -> GrpcTarget | None:
    """Return where a card's gRPC address leads: `https://…`, `grpcs://…`, or `host:port`, which is TLS at port 443."""
    has_scheme = "://" in url
    try:
        parts = urlsplit(url if has_scheme else f"//{url}")
        port = parts.port or {"https": 443, "grpcs": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None or (has_scheme and parts.scheme not in {"https", "http", "grpc", "grpcs"}):
        return None
    is_tls = parts.scheme in {"https", "grpcs"} or (not has_scheme and port == _TLS_PORT)
    return GrpcTarget(host=parts.hostname, port=port, is_tls=is_tls)


def may_have_headers(url: str, interface: Mapping[str, Any]) -> bool:
    """Whether an interface is given the headers that were told for an agent's address.

    Over HTTP it lies at the same origin. gRPC has a port of its own: there the
    host is the same, and what went encrypted stays so.
    """
    if interface.get("protocolBinding") != GRPC:
        return is_same_origin(url, str(interface["url"]))
    target, origin = grpc_target(str(interface["url"])), urlsplit(url)
    return target is not None and target.host == origin.hostname and (target.is_tls or origin.scheme != "https")


def is_same_origin(one: str, other: str) -> bool:
    """Whether two addresses belong to the same scheme, host and port."""
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.netloc) == (second.scheme, second.netloc)
