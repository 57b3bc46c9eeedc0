"""Media types of payloads: which are JSON, MessagePack, text, or bytes that only their reader understands."""

import re
from functools import lru_cache
from typing import Literal

JSON = "application/json"
MSGPACK = "application/msgpack"
OCTETS = "application/octet-stream"
TEXT = "text/plain"

Format = Literal["json", "msgpack", "text", "bytes"]

_MSGPACK = frozenset({MSGPACK, "application/x-msgpack", "application/vnd.msgpack"})
_TEXTS = frozenset({"xml", "yaml", "javascript", "graphql"})
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 -- a grammar, no secret
_MEDIA_TYPE = re.compile(rf'{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|"[\x20\x21\x23-\x5b\x5d-\x7e]*"))*')
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s";]+)"?', re.IGNORECASE)
_CACHED = 512


@lru_cache(maxsize=_CACHED)
def format_of(content_type: str) -> Format:
    """Return how a payload of this media type is read; `bytes` where only its reader can know."""
    bare = essence(content_type)
    kind, _, subtype = bare.partition("/")
    if subtype == "json" or subtype.endswith("+json"):
        return "json"
    if bare in _MSGPACK or subtype.endswith("+msgpack"):
        return "msgpack"
    return "text" if kind == "text" or subtype in _TEXTS or subtype.endswith(("+xml", "+yaml")) else "bytes"


def essence(content_type: str) -> str:
    """Return a media type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


@lru_cache(maxsize=_CACHED)
def is_media_type(text: str) -> bool:
    """Whether `text` is a media type with its parameters (RFC 2045), in one line of ASCII."""
    return _MEDIA_TYPE.fullmatch(text) is not None


def charset(content_type: str) -> str:
    """Return the character set that a media type names; UTF-8 where it names none."""
    found = _CHARSET.search(content_type)
    return found[1] if found else "utf-8"
