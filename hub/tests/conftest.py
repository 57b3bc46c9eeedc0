"""Engines, hubs and clients for every test of the hub; all real, on free ports, with files of their own.

Everything asynchronous runs in one event loop, so that a hub can serve a whole
session. Tests use names of their own and do not tidy up behind them.
"""

import gc
import inspect
import os
import shutil
import tempfile
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from trunkline.protocol.ids import new_token
from trunkline_hub.core.clock import SystemClock
from trunkline_hub.db import Database
from trunkline_hub.db.migrate import upgrade

from support.broker import Broker
from support.cluster import Cluster
from support.databases import Postgres
from support.hub import FakeClock, Hub, with_second_workspace

ON_CLUSTER = os.environ.get("TRUNKLINE_TEST_BUS") == "cluster"
"""Run every test on three brokers instead of one; `faults/test_conformance.py` does."""
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
"""Its handlers would end brokers between fork and exec, now and then."""
BUS = {"heartbeat_s": 0.3, "events_max_bytes": 2**28, "tasks_max_bytes": 2**28, "dead_max_bytes": 2**28}

structlog.configure(  # a traceback in colours, with all locals, takes longer than most tests
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def _broker(root, **options):
    return (Cluster if ON_CLUSTER else Broker)(root, **options)


def pytest_collection_modifyitems(items):
    for item in items:
        if inspect.iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def pytest_collection_finish():
    """Look for garbage in what tests make, as a hub does once it is up: not in modules and collected tests."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory):
    """Nothing of the developer's own Trunkline reaches the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("TRUNKLINE_") and n != "TRUNKLINE_NATS_BINARY"]:
            patch.delenv(name)
        patch.setenv("TRUNKLINE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def postgres():
    """A server in a directory of its own: pytest's bars other users, as which PostgreSQL runs, when another run begins."""
    with tempfile.TemporaryDirectory(prefix="trunkline-pg-", ignore_cleanup_errors=True) as root:
        server = Postgres(Path(root) / "data")
        yield server
        server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_broker(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("broker"))
    await broker.start()
    yield broker
    await broker.stop()


async def _session_hub(tmp_path_factory, name, url, page_size=100_000):
    broker = _broker(tmp_path_factory.mktemp(f"broker-{name}"))
    await broker.start()
    await with_second_workspace(url, SystemClock())
    hub = Hub(
        broker,
        url,
        bus=BUS,
        admin={"sample_s": 0.5},
        web={"max_body_bytes": 8 * 2**20},
        schemas={"observe_s": 0.3},
        outbound={"allow": ["127.0.0.1"], "max_bytes": 2**20, "read_s": 3.0},
        mcp={"tools_listed": 40, "call_timeout_s": 3.0},
        queues={"page_size": page_size},
    )
    try:
        await hub.start()
        yield hub
    finally:
        await hub.stop()
        await broker.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sqlite_hub(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'hub.db'}"
    async for hub in _session_hub(tmp_path_factory, "sqlite", url):
        yield hub


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_hub(tmp_path_factory, postgres):
    async for hub in _session_hub(tmp_path_factory, "postgres", await postgres.fresh()):
        yield hub


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def paged_hub(tmp_path_factory):
    """A hub where each queue of one consumer fills a page, and none is on the first."""
    url = f"sqlite:///{tmp_path_factory.mktemp('paged') / 'hub.db'}"
    async for hub in _session_hub(tmp_path_factory, "paged", url, page_size=1):
        assert (await hub.admin("PUT", "queues/first", json={})).json["page"] == 0
        yield hub


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def hub(request):
    """A hub, once on each database: for whatever touches SQL."""
    return request.getfixturevalue(f"{request.param}_hub")


@pytest_asyncio.fixture(loop_scope="session")
async def broker(tmp_path):
    """A broker of the test's own, to be killed."""
    broker = _broker(tmp_path / "broker", sync="always")
    await broker.start()
    yield broker
    await broker.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def empty_database(tmp_path_factory):
    """A SQLite file with all tables and nothing in them, to be copied: migrating takes longer than most tests."""
    file = tmp_path_factory.mktemp("empty") / "hub.db"
    db = Database(f"sqlite:///{file}", SystemClock())
    await upgrade(db)
    await db.close()
    return file


@pytest_asyncio.fixture(loop_scope="session")
async def own_hub(broker, tmp_path, empty_database):
    """Makes hubs of the test's own, on its own broker: `await own_hub(clock=..., bus={...})`."""
    hubs = []
    file = tmp_path / "hub.db"

    async def make(**options):
        url = options.pop("url", f"sqlite:///{file}")
        if not file.exists():
            shutil.copyfile(empty_database, file)
        hub = Hub(broker, url, **{**options, "bus": BUS | options.get("bus", {})})
        hubs.append(hub)
        await hub.start()
        return hub

    yield make
    for hub in reversed(hubs):
        await hub.stop()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def name():
    """A name nobody else uses."""
    return f"n-{new_token(4)}"


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(tmp_path):
    """Three brokers of the test's own, each to be hurt."""
    cluster = Cluster(tmp_path / "cluster")
    await cluster.start()
    yield cluster
    await cluster.stop()
