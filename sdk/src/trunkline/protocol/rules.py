"""What CloudEvents 1.0 demands of attributes: their names, their types, the form of times and addresses."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from trunkline.protocol.errors import FieldError
from trunkline.protocol.media import is_media_type

REQUIRED = ("specversion", "id", "source", "type")
_OF_TEXT = frozenset({*REQUIRED, "subject", "time", "datacontenttype", "dataschema"})
_MAX_INTEGER = 2**31 - 1
_NAME = re.compile(r"[a-z0-9]+")
_RESERVED = frozenset({"data"})
_TIMESTAMP = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)"
    r"(?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CACHED = 1024
"""A program hears from few sources, many times."""


def is_timestamp(text: str) -> bool:
    """Whether `text` is an RFC 3339 time."""
    return _TIMESTAMP.fullmatch(text) is not None


@lru_cache(maxsize=_CACHED)
def is_uri_reference(text: str) -> bool:
    """Whether `text` is a URI reference (RFC 3986) that is not empty."""
    return _URI_REFERENCE.fullmatch(text) is not None


def problems(attributes: Mapping[str, Any]) -> list[FieldError]:
    """Return everything that is wrong with an event's attributes, as decoded from JSON or from headers.

    An attribute that is None counts as absent.
    """
    found = list(_missing(attributes))
    for name, value in attributes.items():
        detail = _wrong_name(name) or (None if value is None else _wrong_value(name, value))
        if detail is not None:
            found.append(FieldError(f"/{name}", detail))
    return found


def _missing(attributes: Mapping[str, Any]) -> Iterable[FieldError]:
    return (FieldError(f"/{name}", "is missing") for name in REQUIRED if attributes.get(name) is None)


def _wrong_name(name: str) -> str | None:
    if name in _RESERVED:
        return "is reserved for the payload"
    return None if _NAME.fullmatch(name) else "names of attributes are lower-case letters and digits"


def _wrong_value(name: str, value: Any) -> str | None:
    if name in _OF_TEXT and not isinstance(value, str):
        return "must be a string"
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if -_MAX_INTEGER - 1 <= value <= _MAX_INTEGER else "must be a whole number of 32 bits"
    if not isinstance(value, str):
        return "must be a string, a whole number, or true or false"
    return _wrong_text(name, value)


def _wrong_text(name: str, value: str) -> str | None:  # noqa: PLR0911 -- a table of rules
    if not value:
        return "must not be empty" if name in _OF_TEXT else None
    if _CONTROL.search(value):
        return "must not contain control characters"
    if name == "specversion" and value != "1.0":
        return 'must be "1.0"'
    if name in {"time", "expirytime"} and not is_timestamp(value):
        return "must be an RFC 3339 time, such as 2026-11-22T10:00:00Z"
    if name in {"source", "dataref"} and not is_uri_reference(value):
        return "must be a URI reference (RFC 3986); other characters are percent-encoded"
    if name == "dataschema" and not (is_uri_reference(value) and _SCHEME.match(value)):
        return "must be an absolute URI (RFC 3986)"
    if name == "datacontenttype" and not is_media_type(value):
        return "must be a media type (RFC 2045), such as application/json"
    return None
