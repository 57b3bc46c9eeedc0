"""Conditions on messages, compiled once into closures. Pure.

Attributes and simple payload conditions cost well under a microsecond on a
decoded message (`python -m bench --only filter_us`). CEL takes over for what
they cannot say; it is given only the payload fields that the expression names.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from trunkline.protocol import subjects
from trunkline.protocol.errors import FieldError, RequestInvalidError
from trunkline.protocol.resources import Condition, RouteMatch

MAX_CEL_CHARS = 1000
_MEMO = 4096
"""Types, sources and subjects seen lately whose verdict is remembered."""
_NUMBER = (int, float)
_COMPREHENSION = re.compile(r"\.(all|exists|exists_one|filter|map)\s*\(")
_STRING = re.compile(r"""r?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_FIELD = re.compile(r"(?<![\w.])data\b(?:\.([A-Za-z_]\w*))?")
_VARIABLES = frozenset({"type", "source", "subject", "sender", "attributes", "data"})


class Facts(msgspec.Struct, kw_only=True):
    """What conditions can ask about a message."""

    type: str
    source: str
    sender: str
    subject: str | None = None
    attributes: dict[str, Any] = {}
    data: Any = None


Check = Callable[[Facts], bool]


class Filter:
    """A compiled match: `matches` is quick, `first_failure` tells why not."""

    def __init__(self, match: RouteMatch, pointer: str = "/match") -> None:
        """Compile `match`.

        Raises:
            RequestInvalidError: names each condition that cannot be one.
        """
        self._named: list[tuple[str, Check]] = []
        problems: list[FieldError] = []
        for field in ("sources", "subjects", "senders"):
            wanted: list[str] = getattr(match, field)
            if wanted:
                self._named.append((f"{field[:-1]} is none of {', '.join(wanted)}", _globs(field[:-1], wanted)))
        for name, value in match.attributes.items():
            self._named.append((f"attribute {name} is not {value!r}", _attribute(name, value)))
        for index, condition in enumerate(match.data):
            self._add(problems, f"{pointer}/data/{index}", _label(condition), partial(_payload, condition))
        self.needs_data = bool(match.data)
        self.needs_attributes = bool(match.attributes)
        if match.cel is not None:
            expression = match.cel
            self._add(problems, f"{pointer}/cel", f"CEL is not true: {expression}", partial(_cel, expression))
            self.needs_attributes = True
            self.needs_data = self.needs_data or _FIELD.search(_STRING.sub("''", expression)) is not None
        if problems:
            raise RequestInvalidError(errors=problems)
        self.takes_type = _types(match.types)
        self._checks = tuple(check for _label, check in self._named)
        self._types = match.types

    def matches(self, facts: Facts) -> bool:
        """Whether every condition holds."""
        if not self.takes_type(facts.type):
            return False
        return self.conditions_hold(facts)

    def conditions_hold(self, facts: Facts) -> bool:
        """Whether every condition holds but that on the type, which the caller has asked already."""
        for check in self._checks:  # noqa: SIM110 -- a generator would cost more than the conditions
            if not check(facts):
                return False
        return True

    def first_failure(self, facts: Facts) -> str | None:
        """Return the first condition that does not hold, in words; None when all do."""
        if not self.takes_type(facts.type):
            return f"type {facts.type} is none of {', '.join(self._types)}"
        return next((label for label, check in self._named if not check(facts)), None)

    def _add(self, problems: list[FieldError], pointer: str, label: str, make: Callable[[], Check]) -> None:
        try:
            self._named.append((label, make()))
        except ValueError as error:
            problems.append(FieldError(pointer, str(error)))


def _types(patterns: Sequence[str]) -> Callable[[str], bool]:
    if not patterns:
        return lambda _type: True
    memo: dict[str, bool] = {}

    def takes(event_type: str) -> bool:
        known = memo.get(event_type)
        if known is None:
            known = any(subjects.matches(pattern, event_type) for pattern in patterns)
            _remember(memo, event_type, verdict=known)
        return known

    return takes


def _globs(field: str, patterns: Sequence[str]) -> Check:
    regex = re.compile("|".join(".*".join(re.escape(part) for part in p.split("*")) for p in patterns), re.DOTALL)
    read = operator.attrgetter(field)
    memo: dict[str, bool] = {}

    def check(facts: Facts) -> bool:
        value: str | None = read(facts)
        if value is None:
            return False
        known = memo.get(value)
        if known is None:
            known = regex.fullmatch(value) is not None
            _remember(memo, value, verdict=known)
        return known

    return check


def _remember(memo: dict[str, bool], key: str, *, verdict: bool) -> None:
    if len(memo) >= _MEMO:
        memo.clear()
    memo[key] = verdict


def _attribute(name: str, wanted: Any) -> Check:
    if isinstance(wanted, list):
        return lambda facts: facts.attributes.get(name) in wanted
    return lambda facts: facts.attributes.get(name) == wanted


_MISSING = object()
_PLAIN_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def _payload(condition: Condition) -> Check:
    """Return the check for one payload condition.

    Raises:
        ValueError: what is wrong with it.
    """
    steps = _steps(condition.path)
    test = _test(condition)
    if len(steps) == 1:
        only = steps[0]

        def check(facts: Facts) -> bool:
            data = facts.data
            return test(data.get(only, _MISSING) if type(data) is dict else _step(data, only))

        return check

    def check_deep(facts: Facts) -> bool:
        data = facts.data
        for step in steps:
            data = data.get(step, _MISSING) if type(data) is dict else _step(data, step)
        return test(data)

    return check_deep


def _steps(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise ValueError("path must be a JSON pointer such as /order/total")
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]


def _step(data: Any, step: str) -> Any:
    if type(data) is list and step.isascii() and step.isdigit() and int(step) < len(data):
        return data[int(step)]
    return _MISSING


def _test(condition: Condition) -> Callable[[Any], bool]:
    op, wanted = condition.op, condition.value
    if op == "exists":
        there = wanted is None or bool(wanted)
        return lambda value: (value is not _MISSING) == there
    if op == "!=":
        return lambda value: value is _MISSING or not _alike(value, wanted) or value != wanted
    if op in _PLAIN_OPERATORS:
        return _comparison(_PLAIN_OPERATORS[op], wanted, ordered=op != "=")
    if op == "in":
        return _membership(wanted)
    if op == "contains":
        return lambda value: _contains(value, wanted)
    return _affix(op, wanted)


def _membership(wanted: Any) -> Callable[[Any], bool]:
    if not isinstance(wanted, list):
        raise ValueError("`in` needs a list as its value")  # noqa: TRY004 -- one kind of error for all that is wrong
    if all(isinstance(one, str) for one in wanted):
        words = frozenset(wanted)
        return lambda value: type(value) is str and value in words
    return lambda value: any(_alike(value, one) and value == one for one in wanted)


def _affix(op: str, wanted: Any) -> Callable[[Any], bool]:
    if not isinstance(wanted, str):
        raise ValueError(f"`{op}` needs a string as its value")  # noqa: TRY004 -- as above
    if op == "prefix":
        return lambda value: isinstance(value, str) and value.startswith(wanted)
    return lambda value: isinstance(value, str) and value.endswith(wanted)


def _comparison(compare: Callable[[Any, Any], bool], wanted: Any, *, ordered: bool) -> Callable[[Any], bool]:
    if isinstance(wanted, _NUMBER) and not isinstance(wanted, bool):
        return lambda value: (type(value) is int or type(value) is float) and compare(value, wanted)
    if isinstance(wanted, str):
        return lambda value: type(value) is str and compare(value, wanted)
    if ordered:
        raise ValueError("only numbers and strings have an order")
    return lambda value: _alike(value, wanted) and compare(value, wanted)


def _alike(value: Any, wanted: Any) -> bool:
    """JSON's own types: true is not 1."""
    return isinstance(value, bool) == isinstance(wanted, bool)


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    return isinstance(value, list) and any(_alike(one, wanted) and one == wanted for one in value)


def _label(condition: Condition) -> str:
    wanted = msgspec.json.encode(condition.value).decode()
    return f"data{condition.path} {condition.op} {wanted} does not hold"


def _cel(source: str) -> Check:
    """Compile a CEL expression; it sees only the payload fields that it names.

    Raises:
        ValueError: it is none, or could take longer than a message may.
    """
    if len(source) > MAX_CEL_CHARS:
        raise ValueError(f"must be at most {MAX_CEL_CHARS} characters")
    code = _STRING.sub("''", source)
    if len(_COMPREHENSION.findall(code)) > 1:
        raise ValueError("at most one of all, exists, exists_one, filter and map: two could take for ever")
    import cel  # noqa: PLC0415 -- half a second that only those pay who use it

    program = cel.compile(source)
    unknown = sorted(set(program.variables()) - _VARIABLES - set(re.findall(r"\(\s*(\w+)\s*,", code)))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: only {', '.join(sorted(_VARIABLES))} are known")
    fields = _fields_named(code)

    def check(facts: Facts) -> bool:
        data = facts.data
        if fields is not None and type(data) is dict:
            data = {name: data[name] for name in fields if name in data}
        known = {
            "type": facts.type, "source": facts.source, "subject": facts.subject, "sender": facts.sender,
            "attributes": facts.attributes, "data": data,
        }  # fmt: skip
        try:
            return program.execute(known) is True
        except (RuntimeError, KeyError, TypeError, ValueError, OverflowError):
            return False  # a field it compares is missing or of another type

    return check


def _fields_named(code: str) -> frozenset[str] | None:
    """Return the payload's fields that an expression names; None where it takes the payload as a whole."""
    named = [match[1] for match in _FIELD.finditer(code)]
    return None if None in named else frozenset(name for name in named if name)
