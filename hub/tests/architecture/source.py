"""The production code as text and syntax trees, for the tests beside it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
HUB = ROOT / "hub/src/trunkline_hub"
SDK = ROOT / "sdk/src/trunkline"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


@cache
def production() -> tuple[Source, ...]:
    """Every Python file that ships, migrations excepted: they are records, not code."""
    files = [f for base in (HUB, SDK) for f in sorted(base.rglob("*.py")) if "migrations" not in f.parts]
    texts = [(f, f.read_text()) for f in files]
    return tuple(Source(f, text, ast.parse(text)) for f, text in texts)


def body_lines(function: Function) -> int:
    """Lines of a body without signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def parameters(function: Function) -> int:
    """Parameters that a caller has to think about."""
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([n for n in names if n not in {"self", "cls"}]) + bool(given.vararg) + bool(given.kwarg)


def imported(node: ast.AST) -> list[str]:
    """Module names that an import statement brings in; empty for anything else."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "."]
    return []
