"""Queues declared in a file, and what such a file changes."""

import tomllib
from pathlib import Path
from typing import Any

import click
import msgspec

from trunkline.protocol.resources import QueueDeclaration

_YAML = {".yaml", ".yml"}


class Difference(msgspec.Struct):
    """One setting that changes."""

    setting: str
    before: Any
    after: Any


class Change(msgspec.Struct):
    """What happens to one queue: `new`, `changed` or `same`."""

    queue: str
    verb: str
    differences: list[Difference]

    @classmethod
    def between(cls, queue: str, before: QueueDeclaration | None, after: QueueDeclaration) -> "Change":
        """Return what changes from `before` to `after`."""
        old = {} if before is None else msgspec.to_builtins(before)
        new = msgspec.to_builtins(after)
        found = [Difference(name, old.get(name), value) for name, value in new.items() if old.get(name) != value]
        return cls(queue, "new" if before is None else "changed" if found else "same", found)

    def sentence(self) -> str:
        """Return it for a person, one setting a line."""
        if self.verb == "same":
            return f"= {self.queue}"
        mark = "+" if self.verb == "new" else "~"
        lines = [f"{mark} {self.queue}"]
        for one in self.differences:
            was = "" if self.verb == "new" else f"{_text(one.before)} → "
            lines.append(f"    {one.setting}: {was}{_text(one.after)}")
        return "\n".join(lines)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    queues: dict[str, dict[str, Any]]


def read_file(name: str) -> dict[str, QueueDeclaration]:
    """Return the queues of a `.toml`, `.yaml` or `.json` file: a table `queues`, name to settings.

    Raises:
        click.ClickException: it cannot be read, or names a setting that queues do not have.
    """
    path = Path(name)
    try:
        found = msgspec.convert(_parse(path), _File)
        return {queue: _declaration(queue, settings) for queue, settings in found.queues.items()}
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{name}: {error}") from None
    except ImportError:
        raise click.ClickException(f"{name}: reading YAML needs PyYAML (`pip install pyyaml`)") from None


def _parse(path: Path) -> Any:
    raw = path.read_bytes()
    if path.suffix == ".toml":
        return tomllib.loads(raw.decode())
    return msgspec.yaml.decode(raw) if path.suffix in _YAML else msgspec.json.decode(raw)


def _declaration(queue: str, settings: dict[str, Any]) -> QueueDeclaration:
    unknown = sorted(set(settings) - set(QueueDeclaration.__struct_fields__))
    if unknown:
        raise msgspec.ValidationError(f"queue {queue!r} has no setting {unknown[0]!r}")
    try:
        return msgspec.convert(settings, QueueDeclaration)
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(f"queue {queue!r}: {error}") from None


def _text(value: Any) -> str:
    return "none" if value in (None, {}, []) else msgspec.json.encode(value).decode()
