"""Which version of A2A a client speaks, told alike on every binding (§3.6)."""

import re

from a2a.utils.errors import VersionNotSupportedError

HEADER = "a2a-version"
_KNOWN = re.compile(r"(1\.0|0\.3)(\.\d+)?")
BEFORE = "0.3"


def checked(given: str | None) -> str:
    """Return the version that a client names, without its patch; none at all means 0.3.

    Raises:
        VersionNotSupportedError
    """
    match = _KNOWN.fullmatch((given or BEFORE).strip())
    if match is None:
        raise VersionNotSupportedError(f"A2A {given!r} is not spoken here; 1.0 and 0.3 are")
    return match[1]
