"""Models of event types in a programming language, written from the catalogue's schemas.

The same schemas give the same text, always: nothing of the time, the place or
the caller is in it, and formatting obeys no settings found on the way.
"""

from collections.abc import Sequence

from trunkline.codegen import python, typescript
from trunkline.codegen.source import Source, file_stems

LANGUAGES = ("pydantic", "msgspec", "typescript")

__all__ = ["LANGUAGES", "Source", "generate"]


def generate(sources: Sequence[Source], language: str) -> dict[str, str]:
    """Return the text of each file, by name; one file a type.

    Raises:
        SchemaUnsupportedError: the language cannot say what a schema says.
        CodegenMissingError: the generator of Python models is not installed.
    """
    in_order = sorted(sources, key=lambda source: source.name)
    stems = file_stems([source.name for source in in_order])
    if language == "typescript":
        return {f"{stem}.ts": typescript.write(source) for stem, source in zip(stems, in_order, strict=True)}
    return {f"{stem}.py": python.write(source, language) for stem, source in zip(stems, in_order, strict=True)}
