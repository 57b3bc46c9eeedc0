"""What is looked for in the catalogue, held so that it is found at once.

A hub keeps one of these for each workspace, in step with SQL; what it answers
depends on the agents alone, not on the order in which they came. It is lean:
a skill is a place in columns, and its schemas are shared.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import msgspec

from trunkline.protocol.versions import VersionRange
from trunkline_hub.agents.model.described import Described, DescribedSkill
from trunkline_hub.agents.model.outline import outline_of
from trunkline_hub.agents.model.proof import canonical, holds
from trunkline_hub.agents.model.shapes import Budget, Shapes
from trunkline_hub.agents.model.words import WordIndex, number_of
from trunkline_hub.schemas.model.reading import as_read, as_written

SkillKey = tuple[str, str]
"""(agent, skill)"""
_FEW = 2_000
"""Of so few agents the skills are looked at before words are; of more, the ranked ones until there are enough."""
_NONE = -1
T = TypeVar("T")


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


class AgentEntry(msgspec.Struct, gc=False):
    """An agent as far as it is searched; there are many, in no cycles, so the collector need not look at them."""

    name: str
    version: str
    origin: str
    protocols: frozenset[str]
    labels: dict[str, str]
    tags: tuple[str, ...]
    skills: dict[str, int]
    """Skill to its place."""
    place: int


class _SkillEntry(msgspec.Struct, gc=False):
    """A skill as far as it is searched."""

    agent: AgentEntry
    name: str
    tags: tuple[str, ...]
    input: int
    output: int
    """Places of its schemas."""


class Catalogue:
    """The agents of one workspace and their skills."""

    def __init__(self) -> None:
        self.revision = 0
        """Up to which change it is in step."""
        self._agents: dict[str, AgentEntry] = {}
        self._names: list[str] = []
        self._agents_with: dict[str, dict[str, str | list[str]]] = {
            kind: {} for kind in ("skill", "tag", "label", "origin")
        }
        """By kind and value: the agent, or several in order."""
        self._agent_words = WordIndex()
        self._skill_words = WordIndex()
        self._agent_at: list[AgentEntry | None] = []
        self._skill_at: list[_SkillEntry | None] = []
        self._inputs = Shapes()
        self._outputs = Shapes()

    def __len__(self) -> int:
        return len(self._agents)

    @property
    def skill_count(self) -> int:
        return len(self._skill_words)

    @property
    def wasted(self) -> int:
        """How much of it is about what is gone."""
        return self._skill_words.wasted

    @property
    def names(self) -> Sequence[str]:
        """Every agent, in order."""
        return self._names

    def of_origin(self, origin: str) -> Sequence[str]:
        """Return the agents that came so, in order."""
        return _several(self._agents_with["origin"].get(origin))

    def entry(self, name: str) -> AgentEntry | None:
        return self._agents.get(name)

    def put(self, agent: Described) -> None:
        """Take in an agent, in place of what was known of it."""
        self.remove(agent.name)
        place = self._agent_words.add(number_of(agent.name), agent.words())
        entry = AgentEntry(
            name=agent.name, version=agent.version, origin=agent.origin, protocols=agent.protocols, labels=agent.labels,
            tags=tuple(sorted({tag for skill in agent.skills for tag in skill.tags})), skills={}, place=place,
        )  # fmt: skip
        for skill in agent.skills:
            entry.skills[skill.name] = self._put_skill(entry, skill)
        self._agent_at.append(entry)
        self._agents[agent.name] = entry
        if self._names and agent.name < self._names[-1]:
            insort(self._names, agent.name)
        else:
            self._names.append(agent.name)
        for kind, value in _marks(entry):
            _add(self._agents_with[kind], value, agent.name)

    def remove(self, name: str) -> None:
        """Forget an agent."""
        entry = self._agents.pop(name, None)
        if entry is None:
            return
        del self._names[bisect_left(self._names, name)]
        for kind, value in _marks(entry):
            _drop(self._agents_with[kind], value, name)
        self._agent_words.remove(entry.place)
        self._agent_at[entry.place] = None
        for place in entry.skills.values():
            self._remove_skill(place)

    def agents(self, wanted: Wanted, *, after: str | None, skip: int, want: int) -> list[str]:
        """Return up to `want` agents: ranked, without the first `skip`; or without a text by name, those `after` one."""
        names = self._narrowest(wanted)
        if wanted.text is None:
            begin = 0 if after is None else bisect_right(names, after)
            rest = (names[place] for place in range(begin, len(names)))
            return list(islice((name for name in rest if self._is_wanted(self._agents[name], wanted)), want))

        def accept(place: int) -> bool:
            return self._is_wanted(_there(self._agent_at[place]), wanted)

        few = [self._agents[name].place for name in names] if len(names) < len(self._names) else None
        found = self._agent_words.search(wanted.text, accept, want=skip + want, among=few)
        return [_there(self._agent_at[place]).name for place in found[skip:]]

    def skills(self, wanted: Wanted, *, after: SkillKey | None, skip: int, want: int) -> list[SkillKey]:
        """Return up to `want` skills as (agent, skill); see `agents`."""
        names = self._narrowest(wanted)
        if wanted.text is None:
            return list(islice(self._skills_after(names, wanted, after), want))

        def accept(place: int) -> bool:
            return self._is_skill_wanted(_there(self._skill_at[place]), wanted)

        few = list(self._places(names, wanted)) if len(names) <= _FEW else None
        found = self._skill_words.search(wanted.text, accept, want=skip + want, among=few)
        return [_key(_there(self._skill_at[place])) for place in found[skip:]]

    def that_take(self, value: Any, wanted: Wanted, budget: Budget) -> Iterator[SkillKey]:
        """Yield the skills whose input schema admits `value`: those that know most of it first."""
        return self._proven(self._inputs, self._inputs.that_may_take(value), wanted, budget,
                            lambda shape: self._inputs.fits(shape, value))  # fmt: skip

    def that_take_all_of(self, schema: dict[str, Any], wanted: Wanted, budget: Budget) -> Iterator[SkillKey]:
        """Yield the skills that provably take whatever fits `schema`, undeclared properties left out."""
        written = as_written(schema)
        writer = canonical(written)
        return self._proven(self._inputs, self._inputs.that_may_take_all_of(written), wanted, budget,
                            lambda shape: holds(self._inputs.form(shape, as_read), writer))  # fmt: skip

    def that_give(self, schema: dict[str, Any], wanted: Wanted, budget: Budget) -> Iterator[SkillKey]:
        """Yield the skills of which every result provably fits `schema`."""
        reader = canonical(as_read(schema))
        return self._proven(self._outputs, self._outputs.that_may_give(schema), wanted, budget,
                            lambda shape: holds(reader, self._outputs.form(shape, as_written)))  # fmt: skip

    def gives(self, schema: dict[str, Any], budget: Budget) -> Callable[[SkillKey], bool]:
        """Return what tells whether every result of a skill provably fits `schema`; it asks each schema once."""
        reader = canonical(as_read(schema))
        known: dict[int, bool] = {_NONE: False}
        may = self._outputs.may_give(outline_of(schema))

        def give(key: SkillKey) -> bool:
            shape = _there(self._skill_at[self._agents[key[0]].skills[key[1]]]).output
            if shape not in known:
                known[shape] = bool(may[shape]) and (
                    budget.spend() and holds(reader, self._outputs.form(shape, as_written))
                )
            return known[shape]

        return give

    def _proven(
        self, shapes: Shapes, places: Iterable[int], wanted: Wanted, budget: Budget, is_proven: Callable[[int], bool]
    ) -> Iterator[SkillKey]:
        for shape in places:
            entries = (_there(self._skill_at[place]) for place in shapes.skills(shape))
            keys = [_key(entry) for entry in entries if self._is_skill_wanted(entry, wanted)]
            if keys:
                if not budget.spend():
                    return
                if is_proven(shape):
                    yield from sorted(keys)

    def _put_skill(self, agent: AgentEntry, skill: DescribedSkill) -> int:
        place = self._skill_words.add(number_of(f"{agent.name}\0{skill.name}"), skill.words)
        self._skill_at.append(_SkillEntry(
            agent=agent, name=skill.name, tags=skill.tags,
            input=_NONE if skill.input is None else self._inputs.add(skill.input, place),
            output=_NONE if skill.output is None else self._outputs.add(skill.output, place),
        ))  # fmt: skip
        return place

    def _remove_skill(self, place: int) -> None:
        entry = _there(self._skill_at[place])
        self._skill_at[place] = None
        self._skill_words.remove(place)
        if entry.input != _NONE:
            self._inputs.remove(entry.input, place)
        if entry.output != _NONE:
            self._outputs.remove(entry.output, place)

    def _narrowest(self, wanted: Wanted) -> Sequence[str]:
        """Return the shortest list that holds all agents wanted."""
        if wanted.agent is not None:
            return [wanted.agent] if wanted.agent in self._agents else []
        marks = [("skill", wanted.skill), ("tag", wanted.tag), ("origin", wanted.origin)]
        marks += [("label", f"{key}={value}") for key, value in wanted.labels.items() if value is not None]
        lists = [_several(self._agents_with[kind].get(value)) for kind, value in marks if value is not None]
        return min([*lists, self._names], key=len)

    def _skills_after(self, names: Sequence[str], wanted: Wanted, after: SkillKey | None) -> Iterator[SkillKey]:
        """Yield the skills wanted of these agents in order, from after one."""
        begin = 0 if after is None else bisect_left(names, after[0])
        for place in range(begin, len(names)):
            entry = self._agents[names[place]]
            if self._fits_as_agent(entry, wanted):
                found = (_there(self._skill_at[skill]) for skill in entry.skills.values())
                keys = sorted(_key(one) for one in found if _fits_as_skill(one, wanted))
                yield from keys if after is None else (key for key in keys if key > after)

    def _places(self, names: Sequence[str], wanted: Wanted) -> Iterator[int]:
        for name in names:
            for place in self._agents[name].skills.values():
                if _fits_as_skill(_there(self._skill_at[place]), wanted):
                    yield place

    def _is_skill_wanted(self, entry: _SkillEntry, wanted: Wanted) -> bool:
        return _fits_as_skill(entry, wanted) and self._fits_as_agent(entry.agent, wanted)

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


def _fits_as_skill(entry: _SkillEntry, wanted: Wanted) -> bool:
    return (wanted.skill is None or entry.name == wanted.skill) and (wanted.tag is None or wanted.tag in entry.tags)


def _marks(entry: AgentEntry) -> Iterator[tuple[str, str]]:
    yield from (("skill", name) for name in entry.skills)
    yield from (("tag", tag) for tag in entry.tags)
    yield from (("label", f"{key}={value}") for key, value in entry.labels.items())
    yield "origin", entry.origin


def _key(entry: _SkillEntry) -> SkillKey:
    return entry.agent.name, entry.name


def _there(entry: T | None) -> T:
    assert entry is not None, "what is gone is found by nothing"
    return entry


def _several(found: str | list[str] | None) -> Sequence[str]:
    if found is None:
        return []
    return [found] if isinstance(found, str) else found


def _add(lists: dict[str, str | list[str]], value: str, name: str) -> None:
    found = lists.get(value)
    if found is None:
        lists[value] = name
    elif isinstance(found, str):
        lists[value] = sorted((found, name))
    elif name > found[-1]:
        found.append(name)
    else:
        insort(found, name)


def _drop(lists: dict[str, str | list[str]], value: str, name: str) -> None:
    found = lists[value]
    if not isinstance(found, str):
        del found[bisect_left(found, name)]
    if found in (name, []):
        del lists[value]
