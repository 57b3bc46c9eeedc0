"""The CloudEvents attribute `dataschema`: which version of which event type a payload was made for.

    urn:trunkline:schema:<workspace>:<type>:<version>
    https://hub.example/api/v1/w/<workspace>/event-types/<type>/versions/<version>/schema

Both name the same thing; the hub serves the schema at the second.
"""

import re
from urllib.parse import unquote

_URN = "urn:trunkline:schema:"
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_PATH = re.compile(r"/event-types/([^/]+)/versions/([1-9][0-9]{0,8})/schema$")


def urn(workspace: str, event_type: str, number: int) -> str:
    """Return the name of one version of an event type."""
    return f"{_URN}{workspace}:{event_type}:{number}"


def version_named(dataschema: str, event_type: str) -> int | None:
    """Return the version of `event_type` that `dataschema` names; None when it names something else."""
    if dataschema.startswith(_URN):
        _workspace, _, rest = dataschema[len(_URN) :].partition(":")
        named, _, number = rest.rpartition(":")
        return int(number) if named == event_type and _NUMBER.fullmatch(number) else None
    match = _PATH.search(dataschema)
    return int(match[2]) if match is not None and unquote(match[1]) == event_type else None
