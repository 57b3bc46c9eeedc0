"""What is looked for in the catalogue, held so that it is found at once.

A hub keeps one of these for each workspace, in step with SQL; what it answers
depends on the agents alone, not on the order in which they came.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from trunkline.protocol.frames import Skill
from trunkline_hub.agents.model.shapes import Budget, Shapes, SkillKey, canonical, conditions_of, holds
from trunkline_hub.agents.model.versions import VersionRange
from trunkline_hub.agents.model.words import WordIndex, number_of
from trunkline_hub.schemas.model.reading import as_read, as_written

T = TypeVar("T", str, SkillKey)

_FEW = 2_000
"""So few are looked for by name; of more, the ranked ones are looked at until there are enough."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an agent must have; None: whatever."""

    text: str | None = None
    skill: str | None = None
    tag: str | None = None
    agent: str | None = None
    version: VersionRange | None = None
    protocol: str | None = None
    labels: Mapping[str, str | None] = field(default_factory=dict)
    """Label to its value; None: any value."""
    origin: str | None = None
    has_state: Callable[[str], bool] | None = None
    """Whether an agent is in the state wanted."""


@dataclass(slots=True)
class SkillEntry:
    """A skill as far as it is searched."""

    key: SkillKey
    tags: frozenset[str]
    input_digest: bytes | None
    output_digest: bytes | None


@dataclass(slots=True)
class AgentEntry:
    """An agent as far as it is searched."""

    name: str
    version: str
    origin: str
    protocols: frozenset[str]
    labels: dict[str, str]
    tags: frozenset[str]
    skills: dict[str, SkillEntry]


@dataclass(frozen=True, kw_only=True)
class Described:
    """An agent as the catalogue takes it in."""

    name: str
    version: str
    title: str
    description: str
    origin: str
    protocols: Sequence[str]
    labels: dict[str, str]
    skills: Sequence[Skill]


class Catalogue:
    """The agents of one workspace and their skills."""

    def __init__(self) -> None:
        self.revision = 0
        """Up to which change it is in step."""
        self._agents: dict[str, AgentEntry] = {}
        self._names: list[str] = []
        self._skills: list[SkillKey] = []
        self._agents_with: dict[tuple[str, str], list[str]] = {}
        """(`skill` | `tag` | `label` | `origin`, value) to agents in order."""
        self._skills_with: dict[tuple[str, str], list[SkillKey]] = {}
        self._agent_words = WordIndex()
        self._skill_words = WordIndex()
        self._agent_of: dict[int, str] = {}
        self._skill_of: dict[int, SkillKey] = {}
        self._inputs = Shapes()
        self._outputs = Shapes()

    def __len__(self) -> int:
        return len(self._agents)

    @property
    def skill_count(self) -> int:
        return len(self._skills)

    @property
    def wasted(self) -> int:
        """How much of it is about what is gone."""
        return self._skill_words.wasted

    @property
    def names(self) -> Sequence[str]:
        """Every agent, in order."""
        return self._names

    def entry(self, name: str) -> AgentEntry | None:
        return self._agents.get(name)

    def put(self, agent: Described) -> None:
        """Take in an agent, in place of what was known of it."""
        self.remove(agent.name)
        entry = AgentEntry(
            name=agent.name, version=agent.version, origin=agent.origin, protocols=frozenset(agent.protocols),
            labels=agent.labels, tags=frozenset(tag for skill in agent.skills for tag in skill.tags),
            skills={skill.name: self._put_skill(agent.name, skill) for skill in agent.skills},
        )  # fmt: skip
        self._agents[agent.name] = entry
        insort(self._names, agent.name)
        for mark in _marks(entry):
            insort(self._agents_with.setdefault(mark, []), agent.name)
        number = number_of(agent.name)
        self._agent_of[number] = agent.name
        self._agent_words.add(number, _agent_texts(agent))

    def remove(self, name: str) -> None:
        """Forget an agent."""
        entry = self._agents.pop(name, None)
        if entry is None:
            return
        _take(self._names, name)
        for mark in _marks(entry):
            _drop(self._agents_with, mark, name)
        number = number_of(name)
        self._agent_words.remove(number)
        self._agent_of.pop(number, None)
        for skill in entry.skills.values():
            self._remove_skill(skill)

    def agents(self, wanted: Wanted, *, after: str | None, skip: int, want: int) -> list[str]:
        """Return up to `want` agents: ranked, without the first `skip`; or without a text by name, those `after` one."""
        names = self._narrowest_agents(wanted)

        def accept(name: str) -> bool:
            return self._is_wanted(self._agents[name], wanted)

        if wanted.text is None:
            return _some(filter(accept, _after(names, after)), want)
        few = [number_of(name) for name in names] if len(names) < len(self._names) else None
        found = self._agent_words.search(
            wanted.text, lambda number: accept(self._agent_of[number]), want=skip + want, among=few
        )
        return [self._agent_of[number] for number in found[skip:]]

    def skills(self, wanted: Wanted, *, after: SkillKey | None, skip: int, want: int) -> list[SkillKey]:
        """Return up to `want` skills as (agent, skill); see `agents`."""
        keys = self._narrowest_skills(wanted)

        def accept(key: SkillKey) -> bool:
            return self._is_skill_wanted(key, wanted)

        if wanted.text is None:
            return _some(filter(accept, _after(keys, after)), want)
        few = [_skill_number(key) for key in keys] if len(keys) <= _FEW else None
        found = self._skill_words.search(
            wanted.text, lambda number: accept(self._skill_of[number]), want=skip + want, among=few
        )
        return [self._skill_of[number] for number in found[skip:]]

    def that_take(self, value: Any, wanted: Wanted, budget: Budget) -> Iterator[SkillKey]:
        """Yield the skills whose input schema admits `value`: those that know most of it first."""
        for shape in self._inputs.that_may_take(value):
            keys = [key for key in shape.skills if self._is_skill_wanted(key, wanted)]
            if keys:
                if not budget.spend():
                    return
                if self._inputs.fits(shape, value):
                    yield from keys

    def that_take_all_of(self, schema: dict[str, Any], wanted: Wanted, budget: Budget) -> Iterator[SkillKey]:
        """Yield the skills that provably take whatever fits `schema`, undeclared properties left out."""
        writer = canonical(as_written(schema))
        for shape in self._inputs.that_may_take_all_of(conditions_of(schema)):
            keys = [key for key in shape.skills if self._is_skill_wanted(key, wanted)]
            if keys:
                if not budget.spend():
                    return
                if holds(self._inputs.form(shape, as_read), writer):
                    yield from keys

    def that_give(self, schema: dict[str, Any], wanted: Wanted, budget: Budget) -> Iterator[SkillKey]:
        """Yield the skills of which every result provably fits `schema`."""
        reader = canonical(as_read(schema))
        for shape in self._outputs.that_may_give(conditions_of(schema)):
            keys = [key for key in shape.skills if self._is_skill_wanted(key, wanted)]
            if keys:
                if not budget.spend():
                    return
                if holds(reader, self._outputs.form(shape, as_written)):
                    yield from keys

    def gives(self, schema: dict[str, Any], budget: Budget) -> Callable[[SkillKey], bool]:
        """Return what tells whether every result of a skill provably fits `schema`; it asks each schema once."""
        reader, conditions = canonical(as_read(schema)), conditions_of(schema)
        known: dict[bytes, bool] = {}
        allowed = {shape.digest for shape in self._outputs.that_may_give(conditions)}

        def give(key: SkillKey) -> bool:
            digest = self._agents[key[0]].skills[key[1]].output_digest
            if digest is None or digest not in allowed:
                return False
            if digest not in known:
                known[digest] = budget.spend() and holds(
                    reader, self._outputs.form(self._outputs.of(digest), as_written)
                )
            return known[digest]

        return give

    def _put_skill(self, agent: str, skill: Skill) -> SkillEntry:
        key = (agent, skill.name)
        entry = SkillEntry(
            key=key, tags=frozenset(skill.tags),
            input_digest=None if skill.input_schema is None else self._inputs.add(skill.input_schema, key),
            output_digest=None if skill.output_schema is None else self._outputs.add(skill.output_schema, key),
        )  # fmt: skip
        insort(self._skills, key)
        for mark in _skill_marks(entry):
            insort(self._skills_with.setdefault(mark, []), key)
        number = _skill_number(key)
        self._skill_of[number] = key
        self._skill_words.add(number, _skill_texts(skill))
        return entry

    def _remove_skill(self, entry: SkillEntry) -> None:
        _take(self._skills, entry.key)
        for mark in _skill_marks(entry):
            _drop(self._skills_with, mark, entry.key)
        number = _skill_number(entry.key)
        self._skill_words.remove(number)
        self._skill_of.pop(number, None)
        if entry.input_digest is not None:
            self._inputs.remove(entry.input_digest, entry.key)
        if entry.output_digest is not None:
            self._outputs.remove(entry.output_digest, entry.key)

    def _narrowest_agents(self, wanted: Wanted) -> Sequence[str]:
        if wanted.agent is not None:
            return [wanted.agent] if wanted.agent in self._agents else []
        marks = [("skill", wanted.skill), ("tag", wanted.tag), ("origin", wanted.origin)]
        marks += [("label", f"{key}={value}") for key, value in wanted.labels.items() if value is not None]
        lists = [self._agents_with.get((kind, value), []) for kind, value in marks if value is not None]
        return min([*lists, self._names], key=len)

    def _narrowest_skills(self, wanted: Wanted) -> Sequence[SkillKey]:
        if wanted.agent is not None:
            entry = self._agents.get(wanted.agent)
            return sorted(one.key for one in entry.skills.values()) if entry else []
        marks = [("name", wanted.skill), ("tag", wanted.tag)]
        lists = [self._skills_with.get((kind, value), []) for kind, value in marks if value is not None]
        found = min([*lists, self._skills], key=len)
        agents = self._narrowest_agents(replace(wanted, skill=None, tag=None))
        if len(found) <= _FEW or len(agents) > _FEW // 10:
            return found
        return sorted(one.key for name in agents for one in self._agents[name].skills.values())

    def _is_skill_wanted(self, key: SkillKey, wanted: Wanted) -> bool:
        entry = self._agents[key[0]]
        return (
            (wanted.skill is None or key[1] == wanted.skill)
            and (wanted.tag is None or wanted.tag in entry.skills[key[1]].tags)
            and self._fits_as_agent(entry, wanted)
        )

    def _is_wanted(self, entry: AgentEntry, wanted: Wanted) -> bool:
        return (
            (wanted.skill is None or wanted.skill in entry.skills)
            and (wanted.tag is None or wanted.tag in entry.tags)
            and self._fits_as_agent(entry, wanted)
        )

    def _fits_as_agent(self, entry: AgentEntry, wanted: Wanted) -> bool:
        return (
            (wanted.agent is None or entry.name == wanted.agent)
            and (wanted.origin is None or entry.origin == wanted.origin)
            and (wanted.protocol is None or wanted.protocol in entry.protocols)
            and all(key in entry.labels and value in {None, entry.labels[key]} for key, value in wanted.labels.items())
            and (wanted.version is None or entry.version in wanted.version)
            and (wanted.has_state is None or wanted.has_state(entry.name))
        )


def _marks(entry: AgentEntry) -> list[tuple[str, str]]:
    marks = [("skill", name) for name in entry.skills]
    marks += [("tag", tag) for tag in entry.tags]
    marks += [("label", f"{key}={value}") for key, value in entry.labels.items()]
    return [*marks, ("origin", entry.origin)]


def _skill_marks(entry: SkillEntry) -> list[tuple[str, str]]:
    return [("name", entry.key[1]), *(("tag", tag) for tag in entry.tags)]


def _agent_texts(agent: Described) -> Iterator[tuple[float, str]]:
    yield 4.0, f"{agent.name} {agent.title}"
    yield 2.0, agent.description
    for skill in agent.skills:
        yield 2.0, f"{skill.name} {skill.title} {' '.join(skill.tags)}"
        yield 1.0, skill.description
    yield 1.0, " ".join(f"{key} {value}" for key, value in agent.labels.items())


def _skill_texts(skill: Skill) -> Iterator[tuple[float, str]]:
    yield 4.0, f"{skill.name} {skill.title}"
    yield 2.0, " ".join(skill.tags)
    yield 1.5, skill.description
    yield 1.0, " ".join(example for example in skill.examples if isinstance(example, str))


def _skill_number(key: SkillKey) -> int:
    return number_of(f"{key[0]}\0{key[1]}")


def _after(items: Sequence[T], after: T | None) -> Iterable[T]:
    start = 0 if after is None else bisect_right(items, after)
    return (items[place] for place in range(start, len(items)))


def _some(items: Iterator[T], want: int) -> list[T]:
    return [item for _place, item in zip(range(want), items, strict=False)]


def _take(items: list[T], item: T) -> None:
    place = bisect_left(items, item)
    if place < len(items) and items[place] == item:
        del items[place]


def _drop(lists: dict[tuple[str, str], list[T]], mark: tuple[str, str], item: T) -> None:
    _take(lists[mark], item)
    if not lists[mark]:
        del lists[mark]
