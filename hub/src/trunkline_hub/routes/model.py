"""Rules about routes: what may be declared, what loops, where a message goes. Pure."""

import re
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trunkline.protocol import envelope as ce
from trunkline.protocol import subjects
from trunkline.protocol.errors import FieldError, RequestInvalidError, RouteLoopError
from trunkline.protocol.resources import RouteDeclaration, RouteTarget, RouteVerdict
from trunkline_hub.core.filters import Facts, Filter

MAX_TARGETS = 50
MAX_ORDER = 1_000_000
SKILL_QUEUE = "skill."
"""Work for a skill waits in the queue of this name and the skill's."""
MAX_HOPS = 16
HEADER_HOPS = "Tl-Hops"
"""Routes that a message has been through, so that none takes it twice."""

_TYPE = re.compile(r"[^\s*>]{1,255}")
_NAMESPACE = uuid.UUID("6f1f4d0e-6a0c-5b8e-9d53-0e8f4c2b7a11")


@dataclass(frozen=True)
class Route:
    """A route, compiled."""

    name: str
    declaration: RouteDeclaration
    filter: Filter = field(compare=False)

    @property
    def order(self) -> tuple[int, str]:
        return self.declaration.order, self.name

    def chosen(self, event_id: str) -> list[int]:
        """Return the indices of the targets for one event: all, or one by weight, always the same one."""
        targets = self.declaration.targets
        if self.declaration.mode == "all":
            return list(range(len(targets)))
        point = zlib.crc32(f"{self.name}:{event_id}".encode()) / 2**32 * sum(t.weight for t in targets)
        for index, target in enumerate(targets):
            point -= target.weight
            if point < 0:
                return [index]
        return [len(targets) - 1]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One message to one target of one route."""

    route: str
    index: int
    target: RouteTarget


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Routes that take a type, in their order, and what their conditions look at."""

    routes: tuple[Route, ...]
    needs_data: bool
    needs_attributes: bool


class Table:
    """A workspace's enabled routes in their order; quick for the types it has seen."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = sorted((r for r in routes if r.declaration.enabled), key=lambda route: route.order)
        self._by_type: dict[str, Candidates] = {}

    def candidates(self, event_type: str) -> Candidates:
        """Return the routes whose types fit."""
        known = self._by_type.get(event_type)
        if known is None:
            fitting = tuple(route for route in self.routes if route.filter.takes_type(event_type))
            known = Candidates(
                routes=fitting,
                needs_data=any(route.filter.needs_data for route in fitting),
                needs_attributes=any(route.filter.needs_attributes for route in fitting),
            )
            if len(self._by_type) > 10_000:  # noqa: PLR2004 -- types are few; whoever invents them endlessly gets no memo
                self._by_type.clear()
            self._by_type[event_type] = known
        return known

    def decide(self, facts: Facts, event_id: str, candidates: Candidates) -> list[Decision]:
        """Return where a message goes; `candidates` are those for its type."""
        found: list[Decision] = []
        for route in candidates.routes:
            if route.filter.conditions_hold(facts):
                targets = route.declaration.targets
                found += [Decision(route=route.name, index=i, target=targets[i]) for i in route.chosen(event_id)]
                if route.declaration.stop:
                    break
        return found


def compiled(name: str, declaration: RouteDeclaration) -> Route:
    """Return a checked, compiled route.

    Raises:
        RequestInvalidError: names each wrong field.
    """
    problems: list[FieldError] = []
    if not subjects.can_name_reader(name):
        problems.append(FieldError("/name", "letters, digits, '_', '.', '-'; at most 127"))
    if not 1 <= len(declaration.targets) <= MAX_TARGETS:
        problems.append(FieldError("/targets", f"must be 1 to {MAX_TARGETS} targets"))
    if not -MAX_ORDER <= declaration.order <= MAX_ORDER:
        problems.append(FieldError("/order", f"must be -{MAX_ORDER} to {MAX_ORDER}"))
    for index, target in enumerate(declaration.targets):
        problems += [FieldError(f"/targets/{index}{pointer}", text) for pointer, text in _target_problems(target)]
    if declaration.mode == "split" and sum(t.weight for t in declaration.targets) <= 0:
        problems.append(FieldError("/targets", "the weights must add up to more than 0"))
    for index, pattern in enumerate(declaration.match.types):
        if not pattern or re.search(r"\s", pattern) or any(s in {">", "**"} for s in pattern.split(".")[:-1]):
            detail = "must be a dotted type; '*' stands for one segment, a final '>' for the rest"
            problems.append(FieldError(f"/match/types/{index}", detail))
    if problems:
        raise RequestInvalidError(errors=problems)
    return Route(name, declaration, Filter(declaration.match))


def _target_problems(target: RouteTarget) -> list[tuple[str, str]]:
    named = [kind for kind in ("queue", "event", "skill") if getattr(target, kind) is not None]
    problems = []
    if len(named) > 1 or (not named and target.workspace is None):
        problems.append(("", "must name exactly one of queue, event, skill, or a workspace"))
    for kind in ("queue", "skill"):
        value = getattr(target, kind)
        if value is not None and not subjects.can_name_reader(SKILL_QUEUE * (kind == "skill") + value):
            problems.append((f"/{kind}", "letters, digits, '_', '.', '-'; at most 127"))
    if target.event is not None and not _TYPE.fullmatch(target.event):
        problems.append(("/event", "must be 1 to 255 characters without spaces, '*' or '>'"))
    if not 0 <= target.weight <= MAX_ORDER:
        problems.append(("/weight", f"must be 0 to {MAX_ORDER}"))
    return problems


def refuse_loop(routes: Mapping[tuple[str, str], RouteDeclaration], start: tuple[str, str]) -> None:
    """Refuse a route through which an event could come back to it, whatever its conditions say.

    `routes` are those of all workspaces, by (workspace, name).

    Raises:
        RouteLoopError: names the way.
    """
    way: list[tuple[str, str]] = []

    def follow(at: tuple[str, str], arriving: list[str]) -> bool:
        way.append(at)
        for workspace, types in _leads_to(at[0], routes[at], arriving):
            for key, other in routes.items():
                if key[0] != workspace or not other.enabled:
                    continue
                passing = [t for t in types if _may_match(other.match.types, t)]
                if not passing:
                    continue
                if key == start:
                    return True
                if key not in way and follow(key, passing):
                    return True
        way.pop()
        return False

    if routes[start].enabled and follow(start, routes[start].match.types or [">"]):
        path = " → ".join(f"{workspace}/{name}" for workspace, name in [*way, start])
        raise RouteLoopError(f"Events could go round for ever: {path}")


def _leads_to(workspace: str, route: RouteDeclaration, arriving: list[str]) -> list[tuple[str, list[str]]]:
    """Return (workspace, types or patterns) of the events that a route makes."""
    made: list[tuple[str, list[str]]] = []
    for target in route.targets:
        if target.event is not None:
            made.append((target.workspace or workspace, [target.event]))
        elif target.workspace is not None and target.queue is None and target.skill is None:
            made.append((target.workspace, arriving))
    return made


def _may_match(patterns: Sequence[str], arriving: str) -> bool:
    """Whether some event that `arriving` (a type or a pattern) names fits one of `patterns`."""
    return not patterns or any(_overlap(pattern, arriving) for pattern in patterns)


def _overlap(one: str, other: str) -> bool:
    a, b = one.replace("**", ">").split("."), other.replace("**", ">").split(".")
    for left, right in zip(a, b, strict=False):
        if ">" in {left, right}:
            return True
        if "*" not in {left, right} and left != right:
            return False
    return len(a) == len(b)


def describe(target: RouteTarget) -> str:
    """Return a target in words: `queue invoices`, `skill summarize in research`."""
    place = f" in {target.workspace}" if target.workspace else ""
    for kind in ("queue", "event", "skill"):
        value = getattr(target, kind)
        if value is not None:
            return f"{kind} {value}{place}"
    return f"workspace {target.workspace}"


def skills_called(routes: Iterable[tuple[str, RouteDeclaration]]) -> set[tuple[str, str]]:
    """Return (workspace, skill) that enabled routes lead to; `routes` with the workspace where each is declared."""
    return {
        (target.workspace or workspace, target.skill)
        for workspace, route in routes
        if route.enabled
        for target in route.targets
        if target.skill is not None
    }


def call_for(workspace: str, skill: str, message: ce.Envelope) -> ce.Envelope:
    """Return the call that a skill gets for an event: linked to it, and with the same id in each attempt."""
    source = f"/{workspace}/queues/{SKILL_QUEUE}{skill}"
    return ce.caused_by(message, type=f"call.{skill}", source=source, id=f"{message.id}.{skill}")


def routed_id(route: str, event_id: str, source: str) -> str:
    """Return the id of the event that a route makes of another: always the same, so that it is stored once."""
    return str(uuid.uuid5(_NAMESPACE, f"{route}\n{source}\n{event_id}"))


def explain(
    routes: Iterable[Route], facts: Facts, event_id: str, exists: Callable[[RouteTarget], bool]
) -> list[RouteVerdict]:
    """Return what every route makes of a message, in their order."""
    verdicts: list[RouteVerdict] = []
    stopped: str | None = None
    for route in sorted(routes, key=lambda one: one.order):
        reason = _why_not(route, facts, stopped)
        targets = [route.declaration.targets[i] for i in route.chosen(event_id)] if reason is None else []
        verdicts.append(
            RouteVerdict(
                route=route.name, order=route.declaration.order, matched=reason is None,
                reason=reason or "every condition holds", targets=[describe(target) for target in targets],
                dead_ends=[describe(target) for target in targets if not exists(target)],
            )
        )  # fmt: skip
        if reason is None and route.declaration.stop:
            stopped = route.name
    return verdicts


def _why_not(route: Route, facts: Facts, stopped: str | None) -> str | None:
    if not route.declaration.enabled:
        return "the route is disabled"
    if stopped is not None:
        return f"route {stopped} took the event and stops there"
    return route.filter.first_failure(facts)


def nobody_follows(groups: Iterable[Sequence[str]], event_type: str) -> bool:
    """Whether no event group follows a type; `groups` are their patterns."""
    return not any(subjects.matches(pattern, event_type) for patterns in groups for pattern in patterns)


def hops_of(headers: Mapping[str, Any]) -> list[str]:
    """Return the routes that a message has been through."""
    text = str(headers.get(HEADER_HOPS, ""))
    return [hop for hop in text.split(",") if hop][:MAX_HOPS]
