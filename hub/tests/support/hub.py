"""A whole hub in this process: real sockets, real broker, real database."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import msgspec
import trunkline as tl
import uvicorn
from trunkline.protocol.ids import new_token
from trunkline.protocol.resources import TokenRequest
from trunkline_hub import app
from trunkline_hub.core.clock import Clock
from trunkline_hub.db import Database
from trunkline_hub.db.migrate import upgrade
from trunkline_hub.main import KEEP_ALIVE_S
from trunkline_hub.security import store
from trunkline_hub.settings import Settings

from support.broker import Broker

OTHER_WORKSPACE = "other"


class FakeClock:
    """Time that tests turn."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """The problem's stable code."""
        return self.json["code"]

    @property
    def pointers(self) -> list[str]:
        return [error["pointer"] for error in self.json.get("errors", [])]


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self):
        yield


class Hub:
    """A hub, and what tests ask of it."""

    def __init__(
        self, broker: Broker, database_url: str, *, clock: Clock | None = None, port: int = 0, **settings: Any
    ) -> None:
        self.broker = broker
        self.database_url = database_url
        self.admin_token = broker.secrets.admin_token
        self.socket = socket.socket(proto=socket.IPPROTO_TCP)  # else asyncio leaves Nagle's 40 ms in each answer
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        secrets = broker.secrets
        bus = {
            "urls": broker.urls, "replicas": broker.replicas, "password": secrets.hub_password, "auth_password": secrets.auth_password,
            "issuer_seed": secrets.issuer_seed, "sys_password": secrets.sys_password,
        }  # fmt: skip
        self.settings = Settings(
            hub_id=settings.pop("hub_id", secrets.hub_id), db={"url": database_url},
            bus=bus | settings.pop("bus", {}), security={"bootstrap_token": secrets.admin_token}, **settings,
        )  # fmt: skip
        self.app = app.build(self.settings, clock)
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        config = uvicorn.Config(
            self.app, lifespan="on", http="httptools", log_config=None, access_log=False, timeout_graceful_shutdown=1,
            timeout_keep_alive=KEEP_ALIVE_S,
        )  # fmt: skip
        self.server = _Server(config)
        self._task = asyncio.get_running_loop().create_task(self.server.serve(sockets=[self.socket]))
        waiting = asyncio.get_running_loop().create_task(self.server.up.wait())
        await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        waiting.cancel()
        if self._task.done() or not self.server.started:
            raise RuntimeError("the hub did not start")
        await eventually(self.is_ready)

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._task is not None:
            self.server.should_exit = True
            await asyncio.wait({self._task}, timeout=15)
            self._task.cancel()
        self.socket.close()

    async def is_ready(self) -> bool:
        return (await self.http("GET", "/readyz")).status == 200

    def component(self, name: str) -> Any:
        """Return the running component called `name`."""
        return next(s.component for s in self.app.state.supervisor.supervised if s.component.name == name)

    async def http(
        self, method: str, path: str, *, token: str | None = None, headers: dict[str, str] | None = None,
        raw: bytes | None = None, **options: Any,
    ) -> Answer:  # fmt: skip
        """Send one request; a path without a leading slash lies in the default workspace."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        target = path if path.startswith("/") else f"/api/v1/w/default/{path}"
        if raw is not None:
            options["data"] = raw
            sent.setdefault("Content-Type", "application/json")
        assert self._session is not None
        async with self._session.request(method, self.url + target, headers=sent, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def admin(self, method: str, path: str, **options: Any) -> Answer:
        return await self.http(method, path, token=self.admin_token, **options)

    async def token(
        self, *scopes: str, principal: str | None = None, workspace: str = "default", expires_in_s: int | None = None
    ) -> str:
        """Make a token with exactly these scopes, for a principal of its own unless one is named."""
        wanted = TokenRequest(
            name="test", scopes=list(scopes), principal=principal or f"p-{new_token(4)}", expires_in_s=expires_in_s
        )
        path = f"/api/v1/w/{workspace}/tokens"
        made = await self.admin("POST", path, raw=msgspec.json.encode(wanted))
        assert made.status == 201, made.body
        return str(made.json["secret"])

    def client(self, token: str | None = None, *, name: str = "client", workspace: str = "default") -> tl.Client:
        return tl.Client(self.url, token or self.admin_token, name=name, workspace=workspace)

    @asynccontextmanager
    async def connected(self, token: str | None = None, *, name: str = "client") -> AsyncIterator[tl.Client]:
        """A client that is on the bus already."""
        async with self.client(token, name=name) as client:
            await client.connect()
            yield client

    @asynccontextmanager
    async def serving(self, agent: tl.Agent, token: str | None = None) -> AsyncIterator[tl.Agent]:
        """Run an agent until the block ends, then drain it."""
        ready, stop = asyncio.Event(), asyncio.Event()
        task = asyncio.get_running_loop().create_task(
            agent.serve(self.url, token or self.admin_token, ready=ready, stop=stop)
        )
        waiting = asyncio.get_running_loop().create_task(ready.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        waiting.cancel()
        if task.done():
            task.result()
        assert ready.is_set(), "the agent did not get ready"
        try:
            yield agent
        finally:
            stop.set()
            await asyncio.wait({task}, timeout=15)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def with_second_workspace(database_url: str, clock: Clock) -> None:
    """Make a workspace `other` in a database that no hub has seen yet."""
    db = Database(database_url, clock)
    await upgrade(db)
    async with db.write() as tx:
        if OTHER_WORKSPACE not in await store.workspace_slugs(tx):
            await store.add_workspace(tx, OTHER_WORKSPACE)
    await db.close()


async def eventually(check: Any, *, timeout_s: float = 60.0, every_s: float = 0.02) -> Any:
    """Wait until `check` (plain or async) returns something true, and return it; for what tells nobody when it happens."""
    last: Any = None
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                found = check()
                last = await found if asyncio.iscoroutine(found) else found
                if last:
                    return last
                await asyncio.sleep(every_s)
    except TimeoutError:
        raise AssertionError(f"did not come true within {timeout_s:g} s: {check}; last seen {last!r}") from None
