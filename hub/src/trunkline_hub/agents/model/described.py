"""An agent as the catalogue takes it in: read from its row, its texts split into words. Pure, and done in a thread."""

from collections.abc import Iterator
from sys import intern
from typing import Any

import msgspec

from trunkline_hub.agents.model.outline import Outline, outline_of_text
from trunkline_hub.agents.model.words import words_of

_NULL = b"null"


class _Skill(msgspec.Struct, gc=False):
    """A skill as it stands in its row; its schemas stay text."""

    name: str
    title: str = ""
    description: str = ""
    tags: list[str] = []
    examples: list[Any] = []
    input_schema: msgspec.Raw = msgspec.Raw(_NULL)
    output_schema: msgspec.Raw = msgspec.Raw(_NULL)


_SKILLS = msgspec.json.Decoder(list[_Skill])


class DescribedSkill(msgspec.Struct, frozen=True, gc=False):
    """A skill as far as it is searched."""

    name: str
    tags: tuple[str, ...]
    words: tuple[tuple[float, list[str]], ...]
    input: Outline | None
    output: Outline | None


class Described(msgspec.Struct, frozen=True, gc=False):
    """An agent as far as it is searched."""

    name: str
    version: str
    title: str
    description: str
    origin: str
    protocols: frozenset[str]
    labels: dict[str, str]
    skills: list[DescribedSkill]

    def words(self) -> Iterator[tuple[float, list[str]]]:
        """Yield what is said of the agent and its skills, and what each counts."""
        yield 4.0, words_of(f"{self.name} {self.title}")
        yield 2.0, words_of(self.description)
        for skill in self.skills:
            (_name, name), (_tags, tags), (_description, description), *_examples = skill.words
            yield 2.0, name
            yield 2.0, tags
            yield 1.0, description
        yield 1.0, words_of(" ".join(f"{key} {value}" for key, value in self.labels.items()))


def skills_of(text: str) -> list[DescribedSkill]:
    """Read the skills of a row, which are JSON text."""
    return [
        DescribedSkill(
            name=one.name, tags=tuple([intern(tag) for tag in one.tags]), words=_words(one),
            input=_outline(one.input_schema), output=_outline(one.output_schema),
        )
        for one in _SKILLS.decode(text)
    ]  # fmt: skip


def _words(skill: _Skill) -> tuple[tuple[float, list[str]], ...]:
    words = (
        (4.0, words_of(f"{skill.name} {skill.title}")),
        (2.0, words_of(" ".join(skill.tags))),
        (1.5, words_of(skill.description)),
    )
    if not skill.examples:
        return words
    return *words, (1.0, words_of(" ".join(example for example in skill.examples if isinstance(example, str))))


def _outline(raw: msgspec.Raw) -> Outline | None:
    text = bytes(raw)
    return None if text == _NULL else outline_of_text(text)
