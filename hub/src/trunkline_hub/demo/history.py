"""Reads a repository's commits as they are: raw objects, whatever is in them."""

import codecs
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from trunkline.protocol.errors import RepositoryInvalidError
from trunkline_hub.demo.commits import Commit

_GIT = shutil.which("git") or "git"
_GIT_TIMEOUT_S = 60


def list_commits(repo: Path) -> list[str]:
    """Return the ids of every commit reachable from HEAD, oldest first.

    Raises:
        RepositoryInvalidError: no git, no repository, or nothing committed.
    """
    try:
        found = subprocess.run(  # noqa: S603 -- our own words and a path
            [_GIT, "-C", str(repo), "rev-list", "--reverse", "HEAD"],
            capture_output=True, check=False, timeout=_GIT_TIMEOUT_S,
        )  # fmt: skip
    except FileNotFoundError:
        raise RepositoryInvalidError("The program `git` is not installed") from None
    except subprocess.TimeoutExpired:
        raise RepositoryInvalidError(f"git did not list the commits of {repo} within {_GIT_TIMEOUT_S} s") from None
    if found.returncode != 0:
        said = found.stderr.decode(errors="replace").strip().split("\n", 1)[0]
        raise RepositoryInvalidError(f"{repo.resolve()}: {said}")
    shas = found.stdout.decode().split()
    if not shas:
        raise RepositoryInvalidError(f"{repo.resolve()} has no commits")
    return shas


def read_commits(repo: Path, shas: list[str]) -> Iterator[Commit]:
    """Yield the commits in the order given; nothing in them makes this fail."""
    with subprocess.Popen(  # noqa: S603 -- our own words and a path
        [_GIT, "-C", str(repo), "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as git:
        assert git.stdin is not None
        assert git.stdout is not None
        for sha in shas:
            git.stdin.write(sha.encode() + b"\n")
            git.stdin.flush()
            size = int(git.stdout.readline().split()[2])
            raw = git.stdout.read(size)
            git.stdout.read(1)
            yield parse_commit(sha, raw)


def parse_commit(sha: str, raw: bytes) -> Commit:
    """Return a raw commit object as a `Commit`; bytes that are no text become U+FFFD."""
    head, _, message = raw.partition(b"\n\n")
    fields = [line.split(b" ", 1) for line in head.split(b"\n") if b" " in line]
    encoding = next((value.decode("ascii", "replace") for name, value in fields if name == b"encoding"), "utf-8")
    author = next((value for name, value in fields if name == b"author"), b"")
    person, at = _person(_text(author, encoding))
    parents = sum(1 for name, _value in fields if name == b"parent")
    return Commit(sha=sha, author=person, at=at, parents=parents, message=_text(message, encoding))


def _text(raw: bytes, encoding: str) -> str:
    try:
        codecs.lookup(encoding)
    except LookupError:
        encoding = "utf-8"
    return raw.decode(encoding, errors="replace")


def _person(author: str) -> tuple[str, int]:
    name, _, rest = author.rpartition("> ")
    stamp = rest.split(" ")[0]
    at = int(stamp) if stamp.isdigit() else 0
    return name.split(" <")[0].strip() or "unknown", min(at, 2**40)
