"""Demo agent 1: a skill, called by request/reply. Sorts a commit by what it does."""

import re

import trunkline as tl
from trunkline_hub.demo.commits import Commit, Verdict

agent = tl.Agent("commit-classifier", version="1.0.0", description="Sorts commits by what they do")

_CONVENTIONAL = re.compile(
    r"(?P<kind>[a-z]+)(?:\((?P<scope>[^)]{1,40})\))?(?P<breaking>!)?:\s*(?P<title>.+)", re.IGNORECASE
)
_KINDS = {
    "feat": "feature", "feature": "feature", "fix": "fix", "bugfix": "fix", "docs": "docs", "doc": "docs",
    "perf": "performance", "refactor": "refactoring", "test": "tests", "tests": "tests", "build": "build",
    "ci": "build", "chore": "chore", "style": "chore", "revert": "revert", "security": "fix",
}  # fmt: skip
_HINTS = (
    ("revert", ("revert",)),
    ("fix", ("fix", "bug", "crash", "repair", "correct", "regression")),
    ("docs", ("readme", "docs", "documentation", "typo", "changelog")),
    ("tests", ("test", "coverage")),
    ("performance", ("faster", "speed", "perf", "optimi")),
    ("refactoring", ("refactor", "clean", "rename", "simplif", "move", "remove")),
    ("build", ("bump", "release", "build", "ci", "upgrade", "dependen", "version")),
    ("feature", ("add", "support", "implement", "new", "introduce", "allow")),
)
_TITLE_CHARS = 120
_JUNK_SHARE = 0.1


@agent.skill("classify_commit", tags=["git"], concurrency=64)
async def classify(commit: Commit) -> Verdict:
    """Tell what a commit does from its message."""
    if _is_junk(commit.message):
        raise tl.PayloadInvalidError(f"The message of commit {commit.sha[:12]} is binary, not text")
    subject = commit.message.strip().split("\n", 1)[0].strip()
    breaking = "BREAKING CHANGE" in commit.message
    match = _CONVENTIONAL.match(subject)
    if match is not None and match["kind"].lower() in _KINDS:
        kind, scope = _KINDS[match["kind"].lower()], match["scope"] or ""
        return Verdict(
            kind=kind, scope=scope, title=_title(match["title"]), breaking=breaking or bool(match["breaking"])
        )
    kind = "merge" if commit.parents > 1 else _guess(subject.lower())
    return Verdict(kind=kind, scope="", title=_title(subject), breaking=breaking)


def _guess(subject: str) -> str:
    return next((kind for kind, hints in _HINTS if any(hint in subject for hint in hints)), "other")


def _title(text: str) -> str:
    if not text:
        return "(no subject)"
    return text if len(text) <= _TITLE_CHARS else text[: _TITLE_CHARS - 1] + "…"


def _is_junk(text: str) -> bool:
    """Whether too much of a message is neither text nor white space."""
    sample = text[:4096]
    odd = sum(1 for char in sample if char == "\ufffd" or (ord(char) < ord(" ") and char not in "\t\n\r\f\x1b"))
    return odd > len(sample) * _JUNK_SHARE


if __name__ == "__main__":
    agent.run()
