"""Event types: names, what a declaration may say, which versions a new one must get on with, who uses a type."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from trunkline.protocol import subjects
from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.resources import (
    Compatibility,
    Consumer,
    EventTypeDeclaration,
    Incompatibility,
    Producer,
    Reading,
    TypeRule,
    VersionRule,
)
from trunkline.rules import TypeCheck
from trunkline_hub.schemas.model.compatibility import gaps
from trunkline_hub.schemas.model.reading import as_read

MAX_NAME_CHARS = 255
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_OWN = "trunkline."
_MAX_TAGS = 20
_MAX_TAG_CHARS = 63
_MAX_SAMPLES = 20
_MAX_OWNER_CHARS = 127
_MAX_TEXT_CHARS = 10_000
_TASK = "task."
_MAX_BROKEN = 3
"""Versions that a refusal is explained by; the others need not be looked at."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A stored version, as far as rules need it."""

    number: int
    schema: dict[str, Any]
    live: bool = True


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """A registered agent: the principal it speaks as, what it says it publishes, what it reads."""

    agent: str
    principal: str
    publishes: list[str]
    groups: list[str]
    queues: list[str]


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group of event readers, and the patterns it follows."""

    name: str
    types: list[str]


def check_declaration(name: str, wanted: EventTypeDeclaration) -> None:
    """Refuse what cannot be a type's name or cannot be kept.

    Raises:
        RequestInvalidError: names each wrong field.
    """
    problems: list[FieldError] = []
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_CHARS:
        detail = f"must be dotted: letters, digits, '_', '-' between the dots; at most {MAX_NAME_CHARS} characters"
        problems.append(FieldError("/name", detail))
    if name.startswith(_OWN):
        problems.append(FieldError("/name", f"types that begin with {_OWN!r} are the hub's own"))
    for field, text, most in (
        ("description", wanted.description, _MAX_TEXT_CHARS), ("owner", wanted.owner, _MAX_OWNER_CHARS),
        ("note", wanted.note, _MAX_TEXT_CHARS),
    ):  # fmt: skip
        if text is not None and (len(text) > most or "\0" in text):
            problems.append(FieldError(f"/{field}", f"must be at most {most} characters, without NUL"))
    tags = wanted.tags or []
    if len(tags) > _MAX_TAGS:
        problems.append(FieldError("/tags", f"must be at most {_MAX_TAGS}"))
    for index, tag in enumerate(tags):
        if not 1 <= len(tag) <= _MAX_TAG_CHARS or not tag.isprintable() or tag in tags[:index]:
            detail = f"must be 1 to {_MAX_TAG_CHARS} printable characters, and given once"
            problems.append(FieldError(f"/tags/{index}", detail))
    if len(wanted.samples or []) > _MAX_SAMPLES:
        problems.append(FieldError("/samples", f"must be at most {_MAX_SAMPLES}"))
    if problems:
        raise RequestInvalidError(errors=problems)


def check_samples(samples: Sequence[Any], schema: dict[str, Any], reading: Reading) -> None:
    """Refuse samples that do not fit the newest schema.

    Raises:
        RequestInvalidError: with a pointer into each sample.
    """
    version = Version(number=1, schema=schema)
    check = TypeCheck(rule("sample", "enforce", reading, [version]))
    problems: list[FieldError] = []
    for index, sample in enumerate(samples):
        _number, wrong = check.judge(sample, check.rule.versions)
        problems += [FieldError(f"/samples/{index}{one.pointer}", one.detail) for one in wrong]
    if problems:
        raise RequestInvalidError(errors=problems)


def incompatibilities(
    new: dict[str, Any], versions: Sequence[Version], mode: Compatibility, reading: Reading
) -> list[Incompatibility]:
    """Return what forbids `new` to follow `versions` (newest first) under `mode`."""
    if mode == "none" or not versions:
        return []
    lenient = reading == "lenient"
    direction, _, transitive = mode.partition("_")
    compared = versions if transitive else versions[:1]
    found: list[Incompatibility] = []
    for version in compared:
        if len({problem.version for problem in found}) >= _MAX_BROKEN:
            break
        if direction in {"backward", "full"}:
            found += [
                Incompatibility(pointer=gap.reader, detail=gap.detail, direction="backward", version=version.number)
                for gap in gaps(new, version.schema, lenient=lenient)
            ]
        if direction in {"forward", "full"}:
            found += [
                Incompatibility(
                    pointer=gap.writer, direction="forward", version=version.number,
                    detail=f"version {version.number}, at {gap.reader or '/'}: {gap.detail}",
                )
                for gap in gaps(version.schema, new, lenient=lenient)
            ]  # fmt: skip
    return found


def rule(name: str, policy: Any, reading: Reading, versions: Iterable[Version]) -> TypeRule:
    """Return what payloads are held against: the schemas as they are read, newest first."""
    return TypeRule(
        name=name,
        policy=policy,
        versions=[
            VersionRule(number=v.number, schema=as_read(v.schema) if reading == "lenient" else v.schema, live=v.live)
            for v in versions
        ],
    )


def producers(name: str, speakers: Iterable[Speaker], seen: Iterable[Producer]) -> list[Producer]:
    """Join who says it publishes a type with who was seen doing it; an agent is known by its principal."""
    by_principal = {producer.principal: producer for producer in seen}
    found: list[Producer] = []
    for speaker in speakers:
        if any(subjects.matches(pattern, name) for pattern in speaker.publishes):
            observed = by_principal.get(speaker.principal) or Producer(principal=speaker.principal)
            found.append(msgspec.structs.replace(observed, agent=speaker.agent, declared=True))
    declared = {producer.principal for producer in found}
    return found + [producer for producer in by_principal.values() if producer.principal not in declared]


def consumers(name: str, speakers: Iterable[Speaker], groups: Iterable[Group]) -> list[Consumer]:
    """Return the groups that follow a type and the queue whose work it is, with the agents that read them."""
    speaking = list(speakers)
    found = [
        Consumer(
            lane="group", name=group.name, patterns=group.types,
            agents=[speaker.agent for speaker in speaking if group.name in speaker.groups],
        )
        for group in groups
        if any(subjects.matches(pattern, name) for pattern in group.types)
    ]  # fmt: skip
    queue = name.removeprefix(_TASK)
    workers = [speaker.agent for speaker in speaking if name.startswith(_TASK) and queue in speaker.queues]
    return found + ([Consumer(lane="queue", name=queue, agents=workers)] if workers else [])
