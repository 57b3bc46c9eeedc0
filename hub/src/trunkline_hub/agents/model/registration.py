"""What may be registered."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.frames import Extension, Registration, Skill
from trunkline.protocol.subjects import NAME_PATTERN, can_name_reader

_NAME = re.compile(NAME_PATTERN)
_PUBLISHED = re.compile(r"[^\s\0]{1,255}")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./-]{0,61}[A-Za-z0-9])?")
_VERSION_CHARS = 63
_LABEL_CHARS = 255
_MAX_LABELS = 64
_URL_CHARS = 2048
_WORDS_CHARS = 255
_MAX_SKILLS = 2000
_MAX_TAGS = 64
_MAX_BYTES = 4 * 2**20
_RESERVED = frozenset({"watch"})
"""`GET /agents/watch` is another thing."""
_NAMED = "letters, digits, '_', '.', '-'; at most 127"
ORIGINS = ("sdk", "a2a", "mcp", "nats", "openapi")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """An agent that offers a skill."""

    agent: str
    owner: str
    version: str
    skill: Skill


def check_registration(name: str, registration: Registration) -> None:
    """Refuse names that cannot be subjects, and names given twice.

    Raises:
        RequestInvalidError: names each wrong field.
    """
    problems: list[FieldError] = []
    if not _NAME.fullmatch(name):
        problems.append(FieldError("/name", _NAMED))
    if not registration.version.isprintable() or len(registration.version) > _VERSION_CHARS:
        problems.append(FieldError("/version", f"must be printable, at most {_VERSION_CHARS} characters"))
    if "\0" in registration.description:
        problems.append(FieldError("/description", "must not contain NUL"))
    for index, published in enumerate(registration.publishes):
        if not _PUBLISHED.fullmatch(published):
            problems.append(
                FieldError(f"/publishes/{index}", "must be an event type or pattern of at most 255 characters")
            )
    problems += [*_wrong_words(name, registration), *_wrong_labels(registration.labels), *_wrong_skills(registration)]
    problems += _wrong_names("skills", [skill.name for skill in registration.skills], _NAME.fullmatch)
    for lane in ("queue", "group"):
        names = [reader.name if reader.lane == lane else None for reader in registration.readers]
        problems += _wrong_names("readers", names, can_name_reader)
    if problems:
        raise RequestInvalidError(errors=problems)


def _wrong_names(kind: str, names: Sequence[str | None], can_name: Callable[[str], object]) -> list[FieldError]:
    problems: list[FieldError] = []
    for index, name in enumerate(names):
        if name is not None and not can_name(name):
            problems.append(FieldError(f"/{kind}/{index}/name", _NAMED))
        if name is not None and name in names[:index]:
            problems.append(FieldError(f"/{kind}/{index}/name", f"{name!r} is given twice"))
    return problems


def _wrong_words(name: str, registration: Registration) -> list[FieldError]:
    problems: list[FieldError] = []
    if name in _RESERVED:
        problems.append(FieldError("/name", f"{name!r} names something else here"))
    if not _is_line(registration.title):
        problems.append(FieldError("/title", f"must be printable, at most {_WORDS_CHARS} characters"))
    urls = {"/documentation_url": registration.documentation_url, "/icon_url": registration.icon_url}
    urls |= {f"/interfaces/{index}/url": one.url for index, one in enumerate(registration.interfaces)}
    for pointer, url in urls.items():
        if not url.isprintable() or len(url) > _URL_CHARS:
            problems.append(FieldError(pointer, f"must be printable, at most {_URL_CHARS} characters"))
    for index, one in enumerate(registration.interfaces):
        if not one.protocol or not _is_line(one.protocol):
            problems.append(FieldError(f"/interfaces/{index}/protocol", "`a2a`, `mcp`, `openapi`, `nats` or a URI"))
    problems += _wrong_extensions(registration.a2a.extensions if registration.a2a else [])
    for field, value in msgspec.structs.asdict(registration.limits).items() if registration.limits else ():
        if value is not None and value <= 0:
            problems.append(FieldError(f"/limits/{field}", "must be above 0"))
    return problems


def _wrong_extensions(extensions: list[Extension]) -> list[FieldError]:
    return [
        FieldError(f"/a2a/extensions/{index}/uri", "must be a URI without commas or blanks")
        for index, one in enumerate(extensions)
        if not _is_uri(one.uri)
    ]


def _is_uri(text: str) -> bool:
    return (
        text.isascii() and text.isprintable() and ":" in text and len(text) <= _URL_CHARS and not set(text) & set(", ")
    )


def _wrong_labels(labels: dict[str, str]) -> list[FieldError]:
    problems = [
        FieldError(f"/labels/{key}", "a key of letters, digits, '_', '.', '/', '-', at most 63; a printable value")
        for key, value in labels.items()
        if not _LABEL.fullmatch(key) or not value.isprintable() or len(value) > _LABEL_CHARS
    ]
    if len(labels) > _MAX_LABELS:
        problems.append(FieldError("/labels", f"at most {_MAX_LABELS}"))
    return problems


def _wrong_skills(registration: Registration) -> list[FieldError]:
    problems: list[FieldError] = []
    if len(registration.skills) > _MAX_SKILLS:
        problems.append(FieldError("/skills", f"at most {_MAX_SKILLS}"))
    for index, skill in enumerate(registration.skills):
        if not _is_line(skill.title):
            problems.append(FieldError(f"/skills/{index}/title", f"printable, at most {_WORDS_CHARS} characters"))
        if "\0" in skill.description:
            problems.append(FieldError(f"/skills/{index}/description", "must not contain NUL"))
        if len(skill.tags) > _MAX_TAGS or not all(tag and _is_line(tag) for tag in skill.tags):
            problems.append(FieldError(f"/skills/{index}/tags", f"at most {_MAX_TAGS}, each printable"))
    if len(msgspec.json.encode(registration)) > _MAX_BYTES:
        problems.append(FieldError("", f"a registration has at most {_MAX_BYTES} bytes"))
    return problems


def _is_line(text: str) -> bool:
    return text.isprintable() and len(text) <= _WORDS_CHARS
