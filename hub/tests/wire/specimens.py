"""What the code sends and takes, for each example in `docs/protocol/`: name → the block as it must stand there.

`python -m wire.specimens` (in `hub/tests`) writes them into the pages.
"""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
from trunkline.deferral import deferred_headers
from trunkline.delivery import Delivery
from trunkline.processing import dead_headers
from trunkline.protocol import binary, frames, queueing, resources, subjects
from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import CallFailedError, PayloadInvalidError
from trunkline.protocol.errors.base import FieldError
from trunkline.protocol.tasks import Artifact, Part, TaskEvent, TaskJob, TaskMessage, TaskSeed
from trunkline.pulling import waiting_request
from trunkline.retry import delay_s
from trunkline.wire import header_lines, message
from trunkline_hub.bus.settings import BusSettings
from trunkline_hub.core.principal import Principal
from trunkline_hub.security import model as security

PAGES = Path(__file__).parents[3] / "docs" / "protocol"
BLOCK = re.compile(r"^```(\w+) ([\w-]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

WS, OWNER, AGENT, INSTANCE, CALLER, SKILL, QUEUE = (
    "default",
    "wren",
    "greeter",
    "5f1c02b7a9de",
    "alice",
    "greet",
    "invoices",
)
CALL_ID, EVENT_ID, TASK_ID = (f"019aa6f0-5c00-7000-8000-00000000000{n}" for n in (1, 2, 3))
TIME = "2026-11-22T10:00:00.000000Z"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
INBOX = f"{subjects.inbox_prefix(OWNER)}.k3Vq9"
JSON = {"Content-Type": "application/json"}
STRUCTURED = {"Content-Type": ce.CONTENT_TYPE}
ACK = "$JS.ACK.TASKS_default.q_invoices.2.118.240.1795341600000000000.3"
SEED = TaskSeed(
    context_id="c-1", agent=AGENT, owner=OWNER, skill="report", caller=CALLER, origin="sdk", queue=subjects.agent_queue(AGENT),
    message=TaskMessage(id="m-1", role="user", parts=[Part(data={"month": "2026-11"})], at=TIME), input={"month": "2026-11"},
)  # fmt: skip
DELIVERY = Delivery(
    bus=None, subject=subjects.task(WS, QUEUE, CALLER), reply=ACK, payload=b'{"specversion":"1.0",...}',
    headers=STRUCTURED | {"Nats-Msg-Id": f"{CALLER}:{EVENT_ID}"}, stream_seq=118, deliveries=5, extended_at=0.0,
)  # fmt: skip


def shown(raw: bytes) -> str:
    """Protocol lines as the pages show them."""
    return raw.decode().replace("\r\n", "\n")


def sent(subject: str, payload: bytes, headers: dict[str, str] | None = None, reply: str = "") -> str:
    return shown(message(subject, payload, reply=reply, headers=header_lines(headers or {})))


def pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def event(kind: str, data: bytes, *, id: str = EVENT_ID, source: str = "/default/alice", **more: str) -> ce.Envelope:
    return ce.Envelope(
        specversion="1.0", id=id, source=source, type=kind, time=TIME, datacontenttype="application/json",
        data=msgspec.Raw(data), **more,
    )  # fmt: skip


def registration() -> frames.Registration:
    return frames.Registration(
        version="1.2.0", description="Greets people.", protocol=1,
        skills=[
            frames.Skill(
                name=SKILL, tags=["words"],
                input_schema={"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
            ),
            frames.Skill(name="report", task=True),
        ],
        readers=[
            frames.ReaderDeclaration(lane="queue", name=QUEUE, ack_wait_s=30.0, retry=frames.RetryPolicy(max_attempts=3)),
            frames.ReaderDeclaration(lane="group", name="billing", types=["order.*"]),
            frames.ReaderDeclaration(lane="queue", name=subjects.agent_queue(AGENT)),
        ],
    )  # fmt: skip


def registered() -> frames.Registered:
    shape = queueing.layout(queueing.QueueOptions(classes={"high": 4}))
    stream = queueing.stream(WS, QUEUE, shape)

    def reader(lane, name, stream, **more) -> frames.Reader:
        consumer = subjects.consumer(lane, name)
        return frames.Reader(lane=lane, name=name, stream=stream, consumer=consumer, ack_wait_s=30.0, **more)

    return frames.Registered(
        connection=BusSettings(urls=["nats://127.0.0.1:4222"]).connection_for(WS, OWNER, governed=(False, False)),
        readers=[
            reader(
                "queue", QUEUE, stream, retry=frames.RetryPolicy(max_attempts=3), lanes=queueing.lanes(QUEUE, shape)
            ),
            reader("group", "billing", subjects.events_stream(WS), retry=frames.RetryPolicy()),
            reader("queue", subjects.agent_queue(AGENT), subjects.tasks_stream(WS), retry=frames.RetryPolicy()),
        ],
    )


def rights() -> str:
    grants = [security.Grant(workspace=WS, agent=AGENT, kind="agent", name=AGENT)]
    grants += [security.Grant(workspace=WS, agent=AGENT, kind="skill", name=one.name) for one in registration().skills]
    grants += [
        security.Grant(workspace=WS, agent=AGENT, kind=one.lane, name=one.name) for one in registration().readers
    ]
    scopes = frozenset({"agents:register", "queues:consume", "events:read"})
    who = Principal(name=OWNER, workspace=WS, scopes=scopes, via="token", key_id="k")
    layouts = {QUEUE: queueing.layout(queueing.QueueOptions(classes={"high": 4}))}
    found = security.rights(who, grants, layouts)
    lines = [f"publish {one}" for one in found.publish] + [f"subscribe {one}" for one in found.subscribe]
    return "\n".join(lines) + "\n"


def call_reply() -> str:
    return subjects.reply(WS, SKILL, CALLER, "0c9f31d2ab47", 7)


def call() -> str:
    asked = event(f"call.{SKILL}", b'{"name":"Ada"}', id=CALL_ID, traceparent=TRACE)
    headers = STRUCTURED | {frames.HEADER_TIMEOUT: f"{30:.3f}"}
    return sent(subjects.call(WS, CALLER, SKILL), ce.encode(asked), headers, call_reply())


def result() -> str:
    answer = event(
        f"reply.{SKILL}", b'"Hello, Ada"', source=f"/{WS}/agents/{AGENT}", traceparent=TRACE, correlationid=CALL_ID,
        causationid=CALL_ID,
    )  # fmt: skip
    return sent(call_reply(), ce.encode(answer), STRUCTURED | {frames.HEADER_KIND: frames.KIND_RESULT})


def error() -> str:
    problem = CallFailedError("RangeError: no such name").to_problem()
    headers = {"Content-Type": "application/problem+json", frames.HEADER_KIND: frames.KIND_ERROR}
    return sent(call_reply(), msgspec.json.encode(problem), headers)


def progress() -> str:
    said = msgspec.json.encode(frames.Progress(fraction=0.5, message="half"))
    return sent(call_reply(), said, JSON | {frames.HEADER_KIND: frames.KIND_PROGRESS})


def beat() -> str:
    sign = frames.Beat(state="healthy", version="1.2.0", lease_s=15.0, in_flight=1, handled=41)
    return sent(subjects.beat(WS, OWNER, AGENT, INSTANCE), msgspec.json.encode(sign))


def probe() -> str:
    return sent(subjects.probe(WS, AGENT, INSTANCE), b"", {frames.HEADER_PROBE: "7f3a"})


def probe_call() -> str:
    subject = subjects.call(WS, subjects.HUB, SKILL, AGENT, INSTANCE)
    return sent(subject, b"", {frames.HEADER_PROBE: "7f3a"}, subjects.reply(WS, SKILL, subjects.HUB, "probe", 0))


def beat_answer() -> str:
    sign = frames.Beat(state="healthy", version="1.2.0", lease_s=15.0, in_flight=1, handled=41, answers="7f3a")
    return sent(subjects.beat(WS, OWNER, AGENT, INSTANCE), msgspec.json.encode(sign))


def binary_event() -> str:
    attributes = {
        "specversion": "1.0", "id": EVENT_ID, "source": "/default/alice", "type": "note.taken", "subject": "Köln 1",
        "time": TIME, "datacontenttype": "text/plain",
    }  # fmt: skip
    return sent(subjects.event(WS, CALLER, "note.taken"), "grüß".encode(), binary.to_nats(attributes))


def publish() -> str:
    placed = event("order.created", b'{"id":7}', partitionkey="customer-7")
    headers = {frames.HEADER_MSG_ID: f"{CALLER}:{EVENT_ID}"} | STRUCTURED
    inbox = f"{subjects.inbox_prefix(CALLER)}.k3Vq9.1"
    return sent(subjects.event(WS, CALLER, placed.type), ce.encode(placed), headers, inbox)


def enqueue() -> str:
    work = event("task.invoices", b'{"id":7}', partitionkey="customer-7", priority="high")
    shape = queueing.layout(queueing.QueueOptions(classes={"high": 4}, concurrency_per_key=1, partitions=8))
    spot = queueing.place(shape, work.priority, work.partitionkey)
    headers = {frames.HEADER_MSG_ID: f"{CALLER}:{EVENT_ID}"} | STRUCTURED
    inbox = f"{subjects.inbox_prefix(CALLER)}.k3Vq9.2"
    return sent(queueing.address(WS, QUEUE, spot, CALLER), ce.encode(work), headers, inbox)


def gate_answer() -> str:
    ack = frames.Ack(id=EVENT_ID, stream=subjects.events_stream(WS), seq=1042)
    inbox = f"{subjects.inbox_prefix(CALLER)}.k3Vq9.3"
    return sent(inbox, msgspec.json.encode(ack), JSON | {frames.HEADER_KIND: frames.KIND_RESULT})


def declaration() -> resources.QueueDeclaration:
    return resources.QueueDeclaration(
        retry=frames.RetryPolicy(), ack_wait_s=30.0, classes={"high": 4}, concurrency_per_key=1, partitions=8,
        expires_after_s=86400.0,
    )  # fmt: skip


def attempt() -> frames.Attempt:
    return frames.Attempt(
        message_id=EVENT_ID, stream_seq=118, number=2, agent=AGENT, instance=INSTANCE, version="1.2.0",
        started_at=TIME, duration_ms=12.5, outcome="retry", handler="writeInvoice",
        error=frames.AttemptError(code="handler.raised", message="no paper", type="PrinterError"),
    )  # fmt: skip


def dead_letter() -> str:
    headers = {frames.HEADER_MSG_ID: "TASKS_default:q_invoices:118"}
    headers |= dead_headers(DELIVERY, "attempts_exhausted", "no paper") | {frames.HEADER_AGENT: AGENT}
    return sent(subjects.dead(WS, OWNER, "queue", QUEUE), DELIVERY.payload, headers, f"{INBOX}.4")


def deferred() -> str:
    headers = {frames.HEADER_MSG_ID: "TASKS_default:q_invoices:118"} | deferred_headers(DELIVERY, 3600)
    headers |= {frames.HEADER_DUE: "2026-11-22T11:00:00.000000Z"}
    return sent(subjects.deferred(WS, OWNER, "queue", QUEUE), DELIVERY.payload, headers, f"{INBOX}.5")


def step(number: int, **fields: object) -> str:
    told = TaskEvent(at=TIME, run=(1, 1), **fields)
    subject = subjects.work(WS, OWNER, AGENT, TASK_ID)
    headers = {frames.HEADER_MSG_ID: f"{TASK_ID}.1.1.{number}"}
    return sent(subject, msgspec.json.encode(told), headers, f"{INBOX}.{5 + number}")


def delays() -> str:
    policy = frames.RetryPolicy(base_s=0.5, factor=2.0, max_s=5.0, jitter=0.0)
    steps = " ".join(f"{delay_s(policy, number):g}" for number in range(1, 7))
    return f"base_s 0.5, factor 2, max_s 5: after attempts 1 to 6 wait {steps} s\n"


def tokens() -> str:
    names = ["invoices", "a.b", "a_b-c", "a=b", "größe", "*", "_", "__", ""]
    return "".join(f"{name!r:12} {subjects.token(name)}\n".replace("'", '"') for name in names)


def partitions() -> str:
    keys = ["customer-7", "größe", EVENT_ID, ""]
    return "".join(f"{key!r} of 8: {queueing.partition(key, 8)}\n".replace("'", '"') for key in keys)


SPECIMENS: dict[str, Callable[[], str]] = {
    "tokens": tokens,
    "partitions": partitions,
    "delays": delays,
    "rights": rights,
    "connection-name": lambda: f"agent {AGENT} {INSTANCE}\n",
    "problem": lambda: pretty(
        PayloadInvalidError("1 field is wrong", errors=[FieldError("/name", "is missing")]).to_problem()
    ),
    "registration": lambda: pretty(registration()).replace('  "skills"', '  "protocol": 1,\n  "skills"', 1),
    "registered": lambda: pretty(registered()),
    "beat": beat,
    "probe": probe,
    "probe-call": probe_call,
    "beat-answer": beat_answer,
    "structured": lambda: pretty(event("order.created", b'{"id":7}')),
    "binary": binary_event,
    "publish": publish,
    "puback": lambda: (
        '{"stream":"EVENTS_default","seq":1042}\n'
        '{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"TASKS_default","seq":0}\n'
    ),
    "gate-answer": gate_answer,
    "declaration": lambda: pretty(declaration()),
    "enqueue": enqueue,
    "call": call,
    "result": result,
    "error": error,
    "progress": progress,
    "cancel": lambda: sent(subjects.cancel(WS, CALLER, SKILL, CALL_ID), b""),
    "pull": lambda: sent("$JS.API.CONSUMER.MSG.NEXT.TASKS_default.q_invoices", waiting_request(4), reply=INBOX),
    "ack": lambda: f"{ACK}\n",
    "attempt": lambda: pretty(attempt()),
    "dead-letter": dead_letter,
    "deferred": deferred,
    "job": lambda: pretty(TaskJob(task_id=TASK_ID, turn=1, seed=SEED, history=[SEED.message])),
    "step-working": lambda: step(1, kind="status", state="working"),
    "step-progress": lambda: step(2, kind="progress", progress=frames.Progress(fraction=0.5, message="adding up")),
    "step-artifact": lambda: step(
        3, kind="artifact", artifact=Artifact(id="result", name="result", parts=[Part(data={"sum": 12})])
    ),
    "step-completed": lambda: step(4, kind="status", state="completed"),
    "task-cancel": lambda: sent(subjects.cancel(WS, subjects.HUB, "report", TASK_ID), b""),
}

SHAPES: dict[str, type] = {
    "registration": frames.Registration,
    "registered": frames.Registered,
    "declaration": resources.QueueDeclaration,
    "attempt": frames.Attempt,
    "job": TaskJob,
    "structured": ce.Envelope,
    "beat": frames.Beat,
    "beat-answer": frames.Beat,
    "progress": frames.Progress,
    "gate-answer": frames.Ack,
    "step-working": TaskEvent,
    "step-progress": TaskEvent,
    "step-artifact": TaskEvent,
    "step-completed": TaskEvent,
}
"""What the payload of an example is decoded as."""

EVENTS = ("call", "result", "publish", "enqueue", "binary")
"""Examples that are events in one of the modes."""


def blocks() -> list[tuple[str, str, str, str]]:
    """Return (page, kind, name, text) of each example on the pages."""
    return [
        (page.name, *found.groups())
        for page in sorted(PAGES.glob("*.md"))
        for found in BLOCK.finditer(page.read_text())
    ]


def fill() -> None:
    """Write every example into its place."""
    for page in sorted(PAGES.glob("*.md")):
        page.write_text(
            BLOCK.sub(lambda found: f"```{found[1]} {found[2]}\n{SPECIMENS[found[2]]()}```", page.read_text())
        )


if __name__ == "__main__":
    fill()
