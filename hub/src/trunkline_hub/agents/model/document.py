"""Documents in JSON or YAML, read so that none of them costs more than its size. Pure."""

from typing import Any

import yaml  # type: ignore[import-untyped]

from trunkline.protocol.errors import FieldError, RequestInvalidError

_MAX_CHARS = 8 * 2**20
_MAX_NODES = 500_000
"""With what is referred to counted wherever it is used: a few lines of aliases could stand for billions."""
_MAX_DEPTH = 100
_TIME = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """YAML's plain types only; a date stays the text that it is in JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012 -- the library's own shape
        first: [(tag, form) for tag, form in resolvers if tag != _TIME]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


def document_of(text: str) -> dict[str, Any]:
    """Return the object that a JSON or YAML text is.

    Raises:
        RequestInvalidError: it is none, or too large with its aliases followed.
    """
    if len(text) > _MAX_CHARS:
        raise _wrong(f"the document has more than {_MAX_CHARS:,} characters")
    try:
        _measure(text)
        found = yaml.load(text, _Loader)  # noqa: S506 -- derived from the safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _wrong(f"it is neither JSON nor YAML: {str(error)[:300]}") from None
    plain = _plain(found)
    if not isinstance(plain, dict):
        raise _wrong("the document is no object")
    return plain


def _measure(text: str) -> None:
    """Refuse what grows beyond bounds when its aliases are followed, before anything is built of it."""
    scale = _Scale()
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        scale.weigh(event)
        if scale.total > _MAX_NODES or len(scale.open) > _MAX_DEPTH:
            raise ValueError(f"more than {_MAX_NODES:,} values, or nested deeper than {_MAX_DEPTH}")


class _Scale:
    """Counts values, those behind an alias wherever it is used."""

    def __init__(self) -> None:
        self.total = 0
        self.open: list[tuple[str | None, int]] = []
        """What is not yet closed: its anchor, and the count before it."""
        self._sizes: dict[str, int] = {}

    def weigh(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._sizes:
                raise ValueError(f"the alias {event.anchor!r} stands within what it refers to, or refers to nothing")
            self.total += self._sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._sizes.pop(event.anchor or "", None)
            self.open.append((event.anchor, self.total))
            self.total += 1
            if isinstance(event, yaml.ScalarEvent):
                self._close()
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close()

    def _close(self) -> None:
        anchor, before = self.open.pop()
        if anchor:
            self._sizes[anchor] = self.total - before


def _plain(found: Any) -> Any:
    """Return a value as JSON has it: keys are text (`200:` is a response's), and there is no binary."""
    if isinstance(found, dict):
        return {_key(key): _plain(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_plain(value) for value in found]
    return found if isinstance(found, str | int | float | bool | None) else str(found)


def _key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else "null" if key is None else str(key)


def _wrong(reason: str) -> RequestInvalidError:
    return RequestInvalidError(errors=[FieldError("/document", reason)])
