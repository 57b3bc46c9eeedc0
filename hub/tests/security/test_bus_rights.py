"""The token on NATS: what it may not do over HTTP, the broker itself refuses too.

These clients are plain nats-py: no SDK stands between them and the broker.
"""

import asyncio
import json
from contextlib import asynccontextmanager

import nats
import pytest
import pytest_asyncio
import trunkline as tl
from nats.aio.client import Client as Nats
from trunkline.protocol import subjects

from support.hub import eventually

PATIENCE_S = 10


class Intruder:
    """A raw client that knows whether the broker let it."""

    def __init__(self) -> None:
        self.client = Nats()
        self.denials: asyncio.Queue = asyncio.Queue()

    async def _on_error(self, error) -> None:
        if "permissions violation" in str(error).lower():
            self.denials.put_nowait(str(error))

    async def open(self, hub, token: str | None, *, name: str = "intruder", prefix: str = "_INBOX") -> None:
        await self.client.connect(
            hub.broker.url, token=token, name=name, error_cb=self._on_error, allow_reconnect=False,
            connect_timeout=5, inbox_prefix=prefix.encode(),
        )  # fmt: skip

    async def may_publish(self, subject: str, payload: bytes = b"{}", **options) -> bool:
        await self.client.publish(subject, payload, **options)
        return await self._verdict()

    async def may_subscribe(self, subject: str, queue: str = "") -> bool:
        subscription = await self.client.subscribe(subject, queue=queue)
        allowed = await self._verdict()
        await subscription.unsubscribe()
        return allowed

    async def _verdict(self) -> bool:
        """The broker reads in order: once a ping is answered, the refusal would be here.

        Two pings, since `nats-py` may take the late answer to its first one for the answer to ours.
        """
        await self.client.flush(timeout=PATIENCE_S)
        await self.client.flush(timeout=PATIENCE_S)
        refused = not self.denials.empty()
        while not self.denials.empty():
            self.denials.get_nowait()
        return not refused


@asynccontextmanager
async def intruding(hub, token, **options):
    intruder = Intruder()
    await intruder.open(hub, token, **options)
    try:
        yield intruder
    finally:
        await intruder.client.close()


@pytest_asyncio.fixture(loop_scope="session")
async def victim(sqlite_hub, name):
    """An agent with a skill, a queue and a group, of a principal of its own."""
    agent = tl.Agent(name)

    @agent.skill(name)
    async def skill(x: int) -> int:
        return x + 1

    @agent.task(name)
    async def work(x: int) -> None: ...

    @agent.on(f"{name}.>", group=name)
    async def follow(x: int) -> None: ...

    token = await sqlite_hub.token("agents:*", "queues:*", "events:*", principal=f"owner-{name}")
    async with sqlite_hub.serving(agent, token):
        yield agent


ALL_STREAMS = (
    "EVENTS_default",
    "TASKS_default",
    "DEAD_default",
    "ATTEMPTS_default",
    "EVENTS_other",
    "ADVISORIES",
    "SCHEDULE_default",
    "DEFERRED_default",
    "RECEIPTS_default",
    "EVENTS_other",
    "ADVISORIES",
)
JS_API = (
    "STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE", "STREAM.INFO", "STREAM.MSG.GET", "STREAM.MSG.DELETE",
    "STREAM.SNAPSHOT", "STREAM.RESTORE", "DIRECT.GET", "CONSUMER.CREATE", "CONSUMER.DURABLE.CREATE", "CONSUMER.DELETE",
    "CONSUMER.INFO", "CONSUMER.LIST", "CONSUMER.NAMES", "CONSUMER.PAUSE", "STREAM.LEADER.STEPDOWN", "CONSUMER.RESET",
)  # fmt: skip


async def test_a_token_without_scopes_may_do_nothing_on_the_bus(sqlite_hub, victim, name):
    token = await sqlite_hub.token(principal=f"me-{name}")
    async with intruding(sqlite_hub, token) as me:
        for subject in (
            subjects.event("default", f"me-{name}", "x"), subjects.task("default", name, f"me-{name}"),
            subjects.call("default", f"me-{name}", name), "anything", "$JS.API.INFO", "$JS.ACK.TASKS_default.q_x.1.1.1.1.1",
            "$JS.FC.EVENTS_default.x.y", f"_INBOX_owner-{name}.x", subjects.beat("default", f"me-{name}", name, "i"),
            subjects.dead("default", f"me-{name}", "queue", name), subjects.attempts("default", f"me-{name}", "queue", name),
            subjects.receipts("default", f"me-{name}", "queue", name), subjects.receipts("default", f"me-{name}", "call", name),
        ):  # fmt: skip
            assert not await me.may_publish(subject), subject
        for subject in (">", "*", "tl.>", "_INBOX.>", "$JS.>", "$SYS.>", "tl.rollcall", f"_INBOX_owner-{name}.>", "_INBOX_hub.>",
                        "tl.default.call.>", "tl.default.reply.>", "tl.default.events.>", "$JS.EVENT.ADVISORY.>"):  # fmt: skip
            assert not await me.may_subscribe(subject), subject
        assert await me.may_subscribe(f"_INBOX_me-{name}.x"), "its own inbox is its own"


async def test_nobody_but_the_hub_writes_what_is_to_happen_later(sqlite_hub, victim, name):
    """Not with every scope, not as a registered agent: a schedule may name any subject as its target."""
    admin = f"agent {name} x"
    for token, connection in ((await sqlite_hub.token("*"), "c"), (sqlite_hub.admin_token, admin)):
        async with intruding(sqlite_hub, token, name=connection) as me:
            for subject in (
                f"tl.default.schedule.task.{name}.a.b", "tl.default.due.task.a", "$JS.API.STREAM.PURGE.SCHEDULE_default",
                subjects.deferred("default", "admin", "queue", "not-mine"),
            ):  # fmt: skip
                headers = {"Nats-Schedule": "@at 2026-01-01T00:00:00Z", "Nats-Schedule-Target": "tl.default.due.task.a"}
                assert not await me.may_publish(subject, headers=headers), subject


async def test_nobody_sends_under_anothers_name(sqlite_hub, name):
    token = await sqlite_hub.token("*", principal=f"me-{name}")
    async with intruding(sqlite_hub, token) as me:
        assert await me.may_publish(subjects.event("default", f"me-{name}", "x"))
        for other in ("admin", "hub", f"me-{name}2", "_", "*"):
            own = other.replace("*", "=2A")
            assert not await me.may_publish(f"tl.default.events.{own}.order.created")
            assert not await me.may_publish(f"tl.default.tasks.q.normal.0.{own}")
            assert not await me.may_publish(f"tl.default.call.{own}.skill._._", reply=f"_INBOX_me-{name}.r")
            assert not await me.may_publish(f"tl.default.redrive.g.{own}.order.created")
            assert not await me.may_publish(f"tl.default.reply.skill.{own}.c.1")
            assert not await me.may_subscribe(f"tl.default.reply.*.{own}.>")
            assert not await me.may_subscribe(f"_INBOX_{own}.>")


async def test_nobody_enters_another_workspace(sqlite_hub, name):
    token = await sqlite_hub.token("*", principal=f"me-{name}", workspace="other")
    async with intruding(sqlite_hub, token) as me:
        assert await me.may_publish(subjects.event("other", f"me-{name}", "x"))
        for kind in (f"events.me-{name}.x", f"tasks.q.normal.0.me-{name}", f"call.me-{name}.s._._", f"beat.me-{name}.a.i",
                     f"dead.me-{name}.queue.q", f"attempts.me-{name}.queue.q", f"receipts.me-{name}.queue.q",
                     f"receipts.me-{name}.call.s", f"gate.me-{name}.x"):  # fmt: skip
            assert not await me.may_publish(f"tl.default.{kind}"), kind
        assert not await me.may_subscribe("tl.default.call.*.s._._")
        assert not await me.may_subscribe(f"tl.default.reply.*.me-{name}.>")


@pytest.mark.parametrize("scopes", [("*",), ("events:*", "queues:*", "agents:*")], ids=["all", "most"])
async def test_nobody_manages_the_broker(sqlite_hub, victim, name, scopes):
    """Not even with every scope: streams and consumers are the hub's alone."""
    token = await sqlite_hub.token(*scopes, principal=f"me-{name}")
    before = await stream_states(sqlite_hub)
    async with intruding(sqlite_hub, token) as me:
        for stream in ALL_STREAMS:
            for call in JS_API:
                assert not await me.may_publish(f"$JS.API.{call}.{stream}"), call
                assert not await me.may_publish(f"$JS.API.{call}.{stream}.x.y"), call
            assert not await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.q_{name}")
            assert not await me.may_publish(f"$JS.ACK.{stream}.q_{name}.1.1.1.1.1")
            assert not await me.may_publish(f"$JS.FC.{stream}x.a.b")
        for subject in ("$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.STREAM.NAMES", "$JS.API.ACCOUNT.PURGE.TRUNKLINE",
                        "$SYS.REQ.SERVER.PING", "$SYS.REQ.USER.AUTH", "$SYS.ACCOUNT.TRUNKLINE.CONNECT", "$KV.x.y", "$O.x.M.y",
                        "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EVENTS_default.g_x", "tl.rollcall"):  # fmt: skip
            assert not await me.may_publish(subject), subject
    assert all(now >= then for now, then in zip(await stream_states(sqlite_hub), before, strict=True))


async def stream_states(hub):
    js = hub.component("bus").js()
    return [(await js.stream_info(name)).state.messages for name in ("EVENTS_default", "DEAD_default", "TASKS_default")]


async def test_a_callers_scope_does_not_answer_calls(sqlite_hub, victim, name):
    token = await sqlite_hub.token("agents:call", "agents:read", principal=f"me-{name}")
    async with intruding(sqlite_hub, token) as me:
        assert not await me.may_subscribe(subjects.call_filter("default", name, None, None), queue="skill")
        assert not await me.may_subscribe(f"tl.default.call.*.{name}.{name}.*")
        assert not await me.may_publish(f"tl.default.reply.{name}.admin.c.1")
    async with sqlite_hub.connected(token) as client:
        assert await client.call(name, 1) == 2


async def test_an_agents_connection_may_do_only_what_it_registered_for(sqlite_hub, victim, name):
    """Its own consumers, its own skills; not its neighbour's, and not by calling itself like the neighbour."""
    token = await sqlite_hub.token("agents:*", "queues:*", "events:*", principal=f"me-{name}")
    await sqlite_hub.http("PUT", f"agents/mine-{name}", token=token, raw=json.dumps(
        {"skills": [{"name": f"own-{name}"}], "readers": [{"lane": "queue", "name": f"own-{name}"}]}).encode())  # fmt: skip
    for connection in (
        f"agent mine-{name} i1",
        f"agent {name} {victim.instance}",
        f"agent {name}",
        "agent * *",
        f"agent  {name}",
    ):
        async with intruding(sqlite_hub, token, name=connection) as me:
            assert not await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.TASKS_default.q_{name}"), connection
            assert not await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.EVENTS_default.g_{name}"), connection
            assert not await me.may_publish(f"$JS.ACK.TASKS_default.q_{name}.1.1.1.1.1"), connection
            assert not await me.may_subscribe(subjects.call_filter("default", name, None, None)), connection
            assert not await me.may_publish(f"tl.default.reply.{name}.admin.c.1"), connection
            assert not await me.may_publish(subjects.dead("default", f"me-{name}", "queue", name)), connection
            assert not await me.may_publish(subjects.attempts("default", f"me-{name}", "queue", name)), connection
            assert not await me.may_publish(subjects.beat("default", f"owner-{name}", name, victim.instance)), (
                connection
            )
            assert not await me.may_publish(subjects.beat("default", f"me-{name}", name, victim.instance)), connection
    async with intruding(sqlite_hub, token, name=f"agent mine-{name} i1") as me:
        assert await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.TASKS_default.q_own-{name}")
        assert await me.may_publish(subjects.beat("default", f"me-{name}", f"mine-{name}", "i1"))
        assert await me.may_subscribe(subjects.call_filter("default", f"own-{name}", None, None), queue="skill")


async def test_a_weaker_token_of_the_same_principal_does_not_inherit_the_agents_rights(sqlite_hub, victim, name):
    """Grants are the agent's, but a token uses only those that its own scopes cover."""
    weak = await sqlite_hub.token("events:publish", principal=f"owner-{name}")
    async with intruding(sqlite_hub, weak, name=f"agent {name} x") as me:
        assert not await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.TASKS_default.q_{name}")
        assert not await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.EVENTS_default.g_{name}")
        assert not await me.may_subscribe(subjects.call_filter("default", name, None, None))
        assert not await me.may_publish(subjects.beat("default", f"owner-{name}", name, "x"))
    registrar = await sqlite_hub.token("agents:register", principal=f"owner-{name}")
    async with intruding(sqlite_hub, registrar, name=f"agent {name} x") as me:
        assert not await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.TASKS_default.q_{name}")
        assert await me.may_subscribe(subjects.call_filter("default", name, None, None))


async def test_a_token_of_one_workspace_does_not_use_grants_of_another(sqlite_hub, name):
    """The administrator's token for `other` gives nothing in `default`, where the administrator's agent lives."""
    await sqlite_hub.admin(
        "PUT", f"agents/{name}", raw=json.dumps({"readers": [{"lane": "queue", "name": name}]}).encode()
    )
    made = await sqlite_hub.admin(
        "POST", "/api/v1/w/other/tokens", raw=json.dumps({"name": "t", "scopes": ["*"]}).encode()
    )
    async with intruding(sqlite_hub, made.json["secret"], name=f"agent {name} x") as me:
        assert not await me.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.TASKS_default.q_{name}")


async def test_an_attempt_to_read_or_wipe_streams_changes_nothing(sqlite_hub, name):
    """Asked as requests, with an answer awaited: none comes, and what was stored still is."""
    token = await sqlite_hub.token("*", principal=f"me-{name}")
    async with sqlite_hub.connected() as client:
        ack = await client.publish(f"{name}.kept", 1)
    async with intruding(sqlite_hub, token, prefix=f"_INBOX_me-{name}") as me:
        for call in ("STREAM.PURGE.EVENTS_default", "STREAM.DELETE.EVENTS_default", "STREAM.MSG.GET.EVENTS_default"):
            asked = asyncio.ensure_future(
                me.client.request(f"$JS.API.{call}", b'{"seq":%d}' % ack.seq, timeout=PATIENCE_S)
            )
            await eventually(lambda: not me.denials.empty())
            asked.cancel()
            me.denials.get_nowait()
        await me.client.publish(
            subjects.event("default", f"me-{name}", f"{name}.rollup"), b"{}", headers={"Nats-Rollup": "all"}
        )
        await me.client.flush()
    page = await sqlite_hub.admin("GET", "events", params={"type": f"{name}.>"})
    assert [event["seq"] for event in page.json["items"]] == [ack.seq]


@pytest.mark.parametrize("kind", ["expired", "revoked", "tampered", "unknown", "empty", "none"])
async def test_a_token_that_opens_nothing_over_http_cannot_connect(sqlite_hub, own_hub, clock, kind):
    hub = sqlite_hub if kind != "expired" else await own_hub(clock=clock)
    token = await hub.token("*", expires_in_s=5)
    if kind == "expired":
        clock.forward(6)
    elif kind == "revoked":
        await hub.admin("DELETE", f"tokens/{token.split('_')[1]}")
    elif kind == "tampered":
        token = token[:-1] + ("0" if token[-1] != "0" else "1")
    else:
        token = {"unknown": "tl_" + "1" * 16 + "_" + "1" * 48, "empty": "", "none": None}[kind]
    with pytest.raises((nats.errors.Error, OSError)):
        await Intruder().open(hub, token)


@pytest.mark.parametrize(
    ("user", "password"), [("hub", "wrong"), ("hub", ""), ("sys", "x"), ("auth", ""), ("nobody", "x")]
)
async def test_the_hubs_own_accounts_need_their_passwords(sqlite_hub, user, password):
    client = Nats()
    with pytest.raises((nats.errors.Error, OSError)):
        await client.connect(sqlite_hub.broker.url, user=user, password=password, allow_reconnect=False, connect_timeout=5,
                             error_cb=Intruder()._on_error)  # fmt: skip


async def test_revoking_a_token_ends_its_open_connections(sqlite_hub):
    token = await sqlite_hub.token("events:publish")
    closed = asyncio.Event()

    async def on_disconnect() -> None:
        closed.set()

    client = Nats()
    await client.connect(sqlite_hub.broker.url, token=token, allow_reconnect=False, disconnected_cb=on_disconnect,
                         error_cb=Intruder()._on_error)  # fmt: skip
    await sqlite_hub.admin("DELETE", f"tokens/{token.split('_')[1]}")
    await asyncio.wait_for(closed.wait(), 10)
    await client.close()


async def test_a_call_that_asks_for_no_answer_does_not_harm_the_agent(sqlite_hub, victim, name):
    token = await sqlite_hub.token("agents:call", "agents:read", principal=f"me-{name}")
    async with intruding(sqlite_hub, token) as me:
        target = subjects.call("default", f"me-{name}", name)
        assert await me.may_publish(target, b"{}")
        assert await me.may_publish(target, b"\x00\xff", reply="a.b.c")
        assert await me.may_publish(
            target, b"{}", reply="tl.default.events.admin.forged", headers={"Tl-Timeout": "nan"}
        )
        assert await me.may_publish(target, b"{}", reply=f"_INBOX_me-{name}.x", headers={"Tl-Timeout": "-1"})
    async with sqlite_hub.connected(token) as client:
        assert await client.call(name, 1) == 2
    forged = await sqlite_hub.admin("GET", "events", params={"type": "forged"})
    assert forged.json["items"] == []
