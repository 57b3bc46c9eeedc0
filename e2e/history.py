"""Writes a git repository with the commits that real histories have and tools trip over."""

import subprocess
import sys
from pathlib import Path

_MIB = 1024 * 1024


def write_history(folder: Path, commits: int) -> int:
    """Make a repository of `commits` ordinary commits and the odd ones; how many in all.

    The odd ones: binary junk, an empty message, 1 MiB of text, a merge without
    a subject, authors in Latin-1 with and without saying so.
    """
    folder.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    odd = [
        (b"Ada <ada@example.org>", bytes(range(256)) * 4, b""),
        (b"Ada <ada@example.org>", b"", b""),
        (b"Ada <ada@example.org>", b"feat: large\n\n" + b"lorem ipsum " * (_MIB // 12), b""),
        ("Jürgen <j@example.org>".encode("latin-1"), b"fix: undeclared encoding", b""),
        ("Jürgen <j@example.org>".encode("latin-1"), "fix: erklärt".encode("latin-1"), b"encoding ISO-8859-1\n"),
    ]
    stream = [_commit(n, b"Ada <ada@example.org>", _message(n), b"") for n in range(1, commits + 1)]
    stream += [_commit(commits + 1 + n, who, text, extra) for n, (who, text, extra) in enumerate(odd)]
    last = commits + len(odd)
    stream.append(_commit(last + 1, b"Ada <ada@example.org>", b"\n", b"", merge=max(1, last - 3)))
    subprocess.run(
        ["git", "-C", str(folder), "fast-import", "--quiet", "--done"], input=b"".join(stream) + b"done\n", check=True
    )
    return last + 1


def _commit(mark: int, author: bytes, message: bytes, extra: bytes, *, merge: int | None = None) -> bytes:
    when = 1_700_000_000 + mark * 60
    lines = b"commit refs/heads/main\nmark :%d\n" % mark
    lines += b"author %s %d +0000\ncommitter %s %d +0000\n" % (author, when, author, when)
    lines += extra + b"data %d\n%s\n" % (len(message), message)
    if mark > 1:
        lines += b"from :%d\n" % (mark - 1)
    if merge is not None:
        lines += b"merge :%d\n" % merge
    return lines


def _message(number: int) -> bytes:
    kind = ("feat", "fix", "docs", "perf", "refactor", "test", "chore")[number % 7]
    return f"{kind}(part{number % 13}): change number {number}\n\nWhy it was needed, in a line or two.\n".encode()


if __name__ == "__main__":
    sys.stdout.write(f"{write_history(Path(sys.argv[1]), int(sys.argv[2]))}\n")
