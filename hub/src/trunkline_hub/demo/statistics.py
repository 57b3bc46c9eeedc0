"""Demo agent 2: an event handler with its own cursor. Keeps running totals.

Its effects happen once per event id, because the totals and the ids seen are
written in one transaction of its own store.
"""

import os
import sqlite3
from pathlib import Path

import trunkline as tl
from trunkline_hub.demo.commits import GROUP, RECORDED, Commit, Statistics

agent = tl.Agent("commit-statistics", version="1.0.0", description="Keeps running totals over commits")


class Totals:
    """Totals in SQLite; `add` is idempotent by event id."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS commits (event_id TEXT PRIMARY KEY, author TEXT, at INTEGER, merge INTEGER)"
        )

    def add(self, event_id: str, commit: Commit) -> None:
        row = (event_id, commit.author, commit.at, commit.parents > 1)
        self._db.execute("INSERT OR IGNORE INTO commits VALUES (?, ?, ?, ?)", row)

    def read(self) -> Statistics:
        commits, authors, merges, first, last = self._db.execute(
            "SELECT count(*), count(DISTINCT author), coalesce(sum(merge), 0), min(at), max(at) FROM commits"
        ).fetchone()
        busiest = self._db.execute(
            "SELECT author FROM commits GROUP BY author ORDER BY count(*) DESC LIMIT 1"
        ).fetchone()
        return Statistics(
            commits=commits, authors=authors, merges=merges, first_at=first, last_at=last,
            busiest_author=busiest[0] if busiest else None,
        )  # fmt: skip


def main() -> None:
    """Serve until signalled; the store's folder is given by the demo."""
    totals = Totals(Path(os.environ["TRUNKLINE_DEMO_DIR"]) / "statistics.db")

    @agent.on(RECORDED, group=GROUP, ack_wait_s=5)
    async def count(commit: Commit, ctx: tl.Context) -> None:
        totals.add(ctx.id, commit)

    @agent.skill("commit_statistics", tags=["git"], description="Totals over the commits seen so far")
    async def read() -> Statistics:
        return totals.read()

    agent.run()


if __name__ == "__main__":
    main()
