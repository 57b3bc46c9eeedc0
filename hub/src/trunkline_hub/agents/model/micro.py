"""NATS micro services as agents: their endpoints are skills. Pure."""

import re
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from trunkline.protocol.frames import Interface, Registration, Skill
from trunkline.protocol.resources import FoundService
from trunkline.protocol.subjects import NAME_PATTERN, ROOT

_NAME = re.compile(NAME_PATTERN)
ORIGIN = "nats"
_LABEL_CHARS = 255
_OWN = ("$", "_INBOX.", f"{ROOT}.")
"""Subjects that no service may name: the hub would speak there with its own rights."""
_INPUT = ("input_schema", "schema", "request_schema")
_OUTPUT = ("output_schema", "response_schema")


class _Endpoint(Protocol):
    name: str
    subject: str
    metadata: dict[str, str] | None


class _Service(Protocol):
    name: str
    id: str
    version: str
    description: str | None
    metadata: dict[str, str] | None

    @property
    def endpoints(self) -> "list[Any] | None": ...


def services_of(instances: Iterable[_Service]) -> list[FoundService]:
    """Return each service once, as described by its instances, with the agent it would be."""
    by_name: dict[str, list[_Service]] = {}
    for one in instances:
        by_name.setdefault(one.name, []).append(one)
    return [_service(name, sorted(by_name[name], key=lambda one: one.id)) for name in sorted(by_name)]


def endpoints_of(instances: Iterable[_Service]) -> dict[str, dict[str, str]]:
    """Return, of each service, the subjects to ask by the skills that its endpoints are."""
    found: dict[str, dict[str, str]] = {}
    for one in sorted(instances, key=lambda one: one.id):
        for endpoint in one.endpoints or ():
            if is_askable(endpoint.subject):
                found.setdefault(one.name, {}).setdefault(f"{one.name}.{endpoint.name}", endpoint.subject)
    return found


def is_askable(subject: str) -> bool:
    """Whether a request may be sent to a subject that somebody on the bus named."""
    parts = subject.split(".")
    is_plain = all(parts) and "*" not in parts and ">" not in parts and subject.isprintable() and " " not in subject
    return is_plain and not subject.startswith(_OWN)


def _service(name: str, instances: list[_Service]) -> FoundService:
    first = instances[0]
    problems: list[str] = []
    skills: dict[str, Skill] = {}
    for endpoint in (endpoint for one in instances for endpoint in one.endpoints or ()):
        called = f"{name}.{endpoint.name}"
        if not _NAME.fullmatch(called):
            problems.append(f"the endpoint {endpoint.name!r} has no name that a skill may have")
        elif not is_askable(endpoint.subject):
            problems.append(f"the endpoint {endpoint.name!r} listens on {endpoint.subject!r}, which is not its own")
        elif called not in skills:
            skills[called] = _skill(called, endpoint, problems)
    if not _NAME.fullmatch(name):
        problems.append(f"{name!r} is no name that an agent may have")
    registration = Registration(
        version=first.version, description=first.description or "", labels=_labels(first.metadata),
        interfaces=[Interface(protocol="nats", url=f"nats:{endpoint.subject}") for endpoint in first.endpoints or ()],
        skills=list(skills.values()),
    )  # fmt: skip
    return FoundService(
        name=name, version=first.version, description=first.description or "", instances=[one.id for one in instances],
        registration=registration, problems=sorted(set(problems)),
    )  # fmt: skip


def _skill(called: str, endpoint: _Endpoint, problems: list[str]) -> Skill:
    metadata = endpoint.metadata or {}
    return Skill(
        name=called, title=endpoint.name, description=metadata.get("description", ""),
        tags=[tag.strip() for tag in metadata.get("tags", "").split(",") if tag.strip()],
        input_schema=_schema(called, metadata, _INPUT, problems),
        output_schema=_schema(called, metadata, _OUTPUT, problems),
    )  # fmt: skip


def _schema(called: str, metadata: dict[str, str], keys: tuple[str, ...], problems: list[str]) -> dict[str, Any] | None:
    text = next((metadata[key] for key in keys if key in metadata), None)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        problems.append(f"the schema of {called!r} is not a JSON object")
        return None


def _labels(metadata: dict[str, str] | None) -> dict[str, str]:
    """Keep what can be a label; the libraries' own marks are none."""
    fits = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./-]{0,61}[A-Za-z0-9])?")
    return {
        key: value
        for key, value in (metadata or {}).items()
        if fits.fullmatch(key) and value.isprintable() and len(value) <= _LABEL_CHARS
    }
