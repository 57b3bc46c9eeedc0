"""Demo agent 3: queue work. Asks the classifier about each commit and writes release notes.

A message may come twice (a worker killed in the middle), so the entry is
written under the message's id: the second time changes nothing.
"""

import os
import sqlite3
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import trunkline as tl
from trunkline_hub.demo.commits import QUEUE, Commit, Report, Verdict

agent = tl.Agent("release-notes", version="1.0.0", description="Writes release notes from classified commits")

_CONCURRENCY = 32
_SAMPLES = 20_000
_ACK_WAIT_S = 5.0
"""Soon: the work is quick, so a worker that is silent for long is dead."""
_RETRY = tl.Retry(max_attempts=10, base_s=0.2, max_s=5)
_HEADINGS = {
    "feature": "Features", "fix": "Fixes", "performance": "Performance", "refactoring": "Refactoring",
    "docs": "Documentation", "tests": "Tests", "build": "Build", "revert": "Reverts", "merge": "Merges",
    "chore": "Chores", "other": "Other changes",
}  # fmt: skip


class Notes:
    """Entries in SQLite, rendered as Markdown."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "RELEASE_NOTES.md"
        self._db = sqlite3.connect(folder / "release_notes.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS entries (message_id TEXT PRIMARY KEY, sha TEXT, author TEXT, at INTEGER,"
            " kind TEXT, scope TEXT, title TEXT, breaking INTEGER)"
        )

    def add(self, message_id: str, commit: Commit, verdict: Verdict) -> None:
        row = (
            message_id, commit.sha, commit.author, commit.at,
            verdict.kind, verdict.scope, verdict.title, verdict.breaking,
        )  # fmt: skip
        self._db.execute("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM entries").fetchone()[0])

    def render(self) -> None:
        """Write the Markdown file, replacing the old one in one step."""
        lines = ["# Release notes", "", f"{self.count()} commits, newest first.", ""]
        breaking = self._entries("breaking = 1", ())
        if breaking:
            lines += ["## Breaking changes", "", *breaking, ""]
        for kind, heading in _HEADINGS.items():
            entries = self._entries("kind = ? AND breaking = 0", (kind,))
            if entries:
                lines += [f"## {heading}", "", *entries, ""]
        draft = self.path.with_suffix(".tmp")
        draft.write_text("\n".join(lines), encoding="utf-8")
        draft.replace(self.path)

    def _entries(self, condition: str, values: tuple[str, ...]) -> list[str]:
        rows = self._db.execute(
            f"SELECT sha, author, at, scope, title FROM entries WHERE {condition} ORDER BY at DESC, sha",  # noqa: S608 -- our own words
            values,
        )
        return [
            f"- {f'**{scope}:** ' if scope else ''}{title}"
            f" ({sha[:9]}, {author}, {datetime.fromtimestamp(at, UTC):%Y-%m-%d})"
            for sha, author, at, scope, title in rows
        ]


class Timings:
    """The newest durations, for percentiles."""

    def __init__(self) -> None:
        self._ms: deque[float] = deque(maxlen=_SAMPLES)

    def add(self, seconds: float) -> None:
        self._ms.append(seconds * 1000)

    def percentile(self, share: float) -> float:
        ordered = sorted(self._ms)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2) if ordered else 0.0


def main() -> None:
    """Serve until signalled; the notes' folder is given by the demo."""
    notes = Notes(Path(os.environ["TRUNKLINE_DEMO_DIR"]))
    calls, ways = Timings(), Timings()

    @agent.task(QUEUE, retry=_RETRY, ack_wait_s=_ACK_WAIT_S, concurrency=_CONCURRENCY)
    async def write(commit: Commit, ctx: tl.Context) -> None:
        started = time.perf_counter()
        verdict = await ctx.call("classify_commit", commit, result_type=Verdict, timeout_s=10)
        calls.add(time.perf_counter() - started)
        notes.add(ctx.id, commit, verdict)
        if ctx.message.time is not None:
            ways.add((datetime.now(UTC) - datetime.fromisoformat(ctx.message.time)).total_seconds())

    @agent.skill("render_release_notes", description="Write the Markdown file and tell where it is")
    async def render() -> Report:
        notes.render()
        return Report(
            written=notes.count(), path=str(notes.path),
            call_p50_ms=calls.percentile(0.5), call_p99_ms=calls.percentile(0.99),
            end_to_end_p50_ms=ways.percentile(0.5), end_to_end_p99_ms=ways.percentile(0.99),
        )  # fmt: skip

    agent.run()


if __name__ == "__main__":
    main()
