"""Handled once: the store, the claim, and what TestHub makes of them."""

import asyncio
import sqlite3

import aiosqlite
import pytest
import trunkline as tl
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from trunkline.claims import TABLE, HandledBeforeError, Key, claim, claim_sync
from trunkline.idempotency import Once, SqliteStore
from trunkline.protocol.errors import ClaimInvalidError, HandlerInvalidError
from trunkline.testing import TestHub


def key(message_id="m1", run="", sender="ada", reader="default/queue/bills") -> Key:
    return Key(reader, sender, message_id, run)


@pytest.fixture
async def store(tmp_path):
    store = tl.SqliteStore(tmp_path / "deep" / "handled.db")
    await store.open()
    yield store
    await store.close()


async def test_what_was_recorded_is_remembered_by_every_process_that_shares_the_file(store):
    assert not store.was_handled(key())
    await store.record(key())
    other = SqliteStore(store.path)
    await other.open()
    assert other.was_handled(key())
    await other.record(key("m2"))
    await other.close()
    assert store.was_handled(key("m2"))


async def test_another_sender_reader_or_replay_is_another_message(store):
    await store.record(key())
    for different in (key(sender="eve"), key(reader="default/group/bills"), key(run="replay-1"), key("m2")):
        assert not store.was_handled(different)


async def test_records_that_come_together_are_all_kept(store):
    await asyncio.gather(*(store.record(key(f"m{n}")) for n in range(2000)))
    assert all(store.was_handled(key(f"m{n}")) for n in range(2000))


async def test_recording_twice_is_no_error_and_forgetting_undoes_it(store):
    await store.record(key())
    await store.record(key())
    assert await store.forget("m1") == 1
    assert not store.was_handled(key())


async def test_the_oldest_leave_when_there_are_too_many(tmp_path):
    store = SqliteStore(tmp_path / "h.db", max_rows=100)
    await store.open()
    for n in range(0, 1000, 100):
        store._pruned_at = 0.0
        await asyncio.gather(*(store.record(key(f"m{k}")) for k in range(n, n + 100)))
    store._pruned_at = 0.0
    await store.record(key("last"))
    assert store.was_handled(key("last"))
    assert store.was_handled(key("m999"))
    assert not store.was_handled(key("m0"))
    with sqlite3.connect(store.path) as db:
        assert db.execute("SELECT count(*) FROM trunkline_handled").fetchone() == (100,)
    await store.close()


async def test_what_is_older_than_its_time_leaves(tmp_path):
    store = SqliteStore(tmp_path / "h.db", keep_s=-10)
    await store.open()
    await store.record(key())
    assert not store.was_handled(key())
    await store.close()


async def test_a_place_that_cannot_be_written_is_told_at_the_start(tmp_path):
    (tmp_path / "no.db").mkdir()
    with pytest.raises(sqlite3.Error):
        await SqliteStore(tmp_path / "no.db").open()


async def test_a_record_that_cannot_be_written_does_not_undo_the_work(tmp_path, caplog):
    """The handler has done its work: failing it for the record's sake would have it done twice at once."""
    store = SqliteStore(tmp_path / "h.db")
    await store.open()
    with sqlite3.connect(store.path) as db:
        db.execute("DROP TABLE trunkline_handled")
    db.close()
    once = Once(_Blind(store), _return_done)
    assert await once(None, _Known(key())) == "done"
    assert "could not be recorded" in caplog.text
    await store.close()


async def test_one_message_does_not_run_twice_at_the_same_time(store):
    """Its lease was lost, it is delivered again to the same process while it still runs."""
    release, runs = asyncio.Event(), []

    async def work(_payload, context):
        runs.append(context.key)
        await release.wait()

    once = Once(store, work)
    first, second = (asyncio.ensure_future(once(None, _Known(key()))) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    release.set()
    await first
    with pytest.raises(HandledBeforeError):
        await second
    assert len(runs) == 1


async def test_a_failure_is_not_remembered(store):
    async def fail(_payload, _context):
        raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            await Once(store, fail)(None, _Known(key()))
    assert not store.was_handled(key())


def test_once_without_a_store_is_refused():
    agent = tl.Agent("a")
    with pytest.raises(HandlerInvalidError, match="no store"):

        @agent.task("q", once=True)
        async def work(n: int) -> None: ...


def test_a_handler_may_opt_out(tmp_path):
    agent = tl.Agent("a", once=tmp_path / "h.db")

    @agent.task("q")
    async def work(n: int) -> None: ...

    @agent.on("e", once=False)
    async def follow(n: int) -> None: ...

    assert [spec.once for spec in agent.readers] == [True, False]


@pytest.fixture
def bills(tmp_path):
    db = sqlite3.connect(tmp_path / "bills.db")
    db.execute(TABLE)
    db.execute("CREATE TABLE bills (id TEXT)")
    db.commit()
    yield tmp_path / "bills.db"
    db.close()


def count(path) -> int:
    with sqlite3.connect(path) as db:
        (found,) = db.execute("SELECT count(*) FROM bills").fetchone()
    db.close()
    return found


async def test_sqlite3_claims_with_its_own_transaction(bills):
    db = sqlite3.connect(bills)
    for _ in range(2):
        try:
            with db:
                await claim(key(), db)
                db.execute("INSERT INTO bills VALUES ('m1')")
        except HandledBeforeError:
            continue
    with pytest.raises(RuntimeError), db:
        claim_sync(key("m2"), db)
        db.execute("INSERT INTO bills VALUES ('m2')")
        raise RuntimeError
    with db:
        claim_sync(key("m2"), db)
    db.close()
    assert count(bills) == 1


async def test_aiosqlite_claims_with_its_own_transaction(bills):
    async with aiosqlite.connect(bills) as db:
        await claim(key(), db)
        await db.execute("INSERT INTO bills VALUES ('m1')")
        await db.commit()
        with pytest.raises(HandledBeforeError):
            await claim(key(), db)
    assert count(bills) == 1


@pytest.mark.parametrize("session", [False, True])
async def test_sqlalchemy_claims_with_connections_and_sessions(bills, session):
    engine = create_async_engine(f"sqlite+aiosqlite:///{bills}")
    for _ in range(2):
        try:
            async with AsyncSession(engine) if session else engine.connect() as db, db.begin():
                await claim(key(), db)
                await db.execute(text("INSERT INTO bills VALUES ('m1')"))
        except HandledBeforeError:
            continue
    await engine.dispose()
    sync = create_engine(f"sqlite:///{bills}")
    with pytest.raises(HandledBeforeError), sync.begin() as db:
        claim_sync(key(), db)
    sync.dispose()
    assert count(bills) == 1


async def test_a_connection_that_would_commit_the_claim_by_itself_is_refused(bills):
    db = sqlite3.connect(bills, isolation_level=None)
    with pytest.raises(ClaimInvalidError, match="not in a transaction"):
        claim_sync(key(), db)
    db.execute("BEGIN IMMEDIATE")
    claim_sync(key(), db)
    db.execute("COMMIT")
    db.close()
    engine = create_engine(f"sqlite:///{bills}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection, pytest.raises(ClaimInvalidError):
        claim_sync(key("m2"), connection)
    engine.dispose()


@pytest.mark.parametrize("thing", [None, object(), "sqlite://"])
async def test_what_is_no_connection_is_refused(thing):
    with pytest.raises(ClaimInvalidError, match="cannot be claimed with"):
        await claim(key(), thing)


async def test_a_call_cannot_be_claimed(bills):
    db = sqlite3.connect(bills)
    with pytest.raises(ClaimInvalidError, match="never delivered twice"):
        await claim(None, db)
    db.close()


async def test_testhub_redelivers_and_the_handler_runs_once(tmp_path):
    runs = []
    agent = tl.Agent("a", once=tmp_path / "unused.db")

    @agent.task("q", retry=tl.Retry(max_attempts=1))
    async def work(n: int) -> None:
        runs.append(n)
        if n < 0:
            raise RuntimeError

    @agent.on("e", once=False)
    async def follow(n: int) -> None:
        runs.append(n)

    async with TestHub(agent) as hub:
        for _ in range(2):
            await hub.enqueue("q", 1, id="one")
            await hub.redeliver("one")
        assert runs == [1]
        await hub.enqueue("q", -1, id="bad")
        await hub.redeliver("bad")
        assert runs == [1, -1, -1], "only successes are remembered"
        await hub.publish("e", 2, id="two")
        await hub.redeliver("two")
        assert runs == [1, -1, -1, 2, 2]
    assert not (tmp_path / "unused.db").exists()


async def test_testhub_knows_claims(bills):
    db = sqlite3.connect(bills)
    agent = tl.Agent("a")

    @agent.task("q")
    async def work(n: int, ctx: tl.Context) -> None:
        with db:
            await ctx.claim(db)
            db.execute("INSERT INTO bills VALUES (?)", (ctx.id,))

    async with TestHub(agent) as hub:
        await hub.enqueue("q", 1, id="one")
        await hub.redeliver("one")
        assert not hub.dead_letters
    db.close()
    assert count(bills) == 1


class _Known:
    """As much of a context as `Once` looks at."""

    def __init__(self, known: Key) -> None:
        self.key = known


class _Blind:
    def __init__(self, store) -> None:
        self.record = store.record

    def was_handled(self, _key) -> bool:
        return False


async def _return_done(_payload, _context) -> str:
    return "done"
