"""What a decoder says is wrong, as a field error: msgspec's path becomes a JSON pointer."""

import re

from trunkline.protocol.errors import FieldError, pointer

_PATH = re.compile(r"^(.*) - at `(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")


def field_error(text: str) -> FieldError:
    """Return where and what, from the words of a `msgspec.ValidationError`; a missing field is pointed at itself."""
    match = _PATH.match(text)
    detail, path = (match[1], match[2]) if match else (text, "")
    steps = [name or index for name, index in _STEP.findall(path.removeprefix("$"))]
    missing = _MISSING.fullmatch(detail)
    return FieldError(pointer([*steps, missing[1]] if missing else steps), detail)
