"""The bus contract in AsyncAPI 3.1: every subject that the code builds, every message with its schema.

Addresses come out of the functions that make subjects, called with names that
stand for themselves; schemas out of the structs. What is written here is only
who sends what, and why.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from trunkline.protocol import binary, frames, queueing, receipts, subjects, tasks, version
from trunkline.protocol import envelope as ce
from trunkline.protocol.errors import PROBLEM_JSON, Problem
from trunkline.protocol.resources.crews import Crew

Way = Literal["send", "receive", "both", "hub"]
"""Seen from an agent; `hub`: between hubs only."""

_MARK = "Zz{}zZ"
_NAMED = re.compile(r"Zz(\w+?)zZ")
_JSON = "application/json"
_REF = "#/components/schemas/{name}"
_WORDS = {
    "type": "Type of the event, each segment encoded by itself: one token or several.",
    "lane": "`queue` or `group`; in receipts also `call`.",
    "class": "Priority class of the queue; `normal` where there is none.",
    "partition": "Number of the partition; `0` where there are none.",
    "page": "Number of the stream that plain queues share; from 1.",
    "called": "Id of the call's envelope, or of the task.",
    "connection": "Random hexadecimal digits of the caller's.",
    "n": "Number of the call.",
    "inbox": "What follows the prefix, in one or more tokens.",
    "position": "Deliveries, stream sequence, consumer sequence, time and pending messages.",
}


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One kind of subject."""

    address: str
    way: Way
    about: str
    messages: tuple[str, ...]
    stream: str = ""
    answers: str = ""
    """Channel on which it is answered."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One kind of message."""

    about: str
    kind: Any = None
    """Struct of its payload; None where it has none, or any."""
    content_type: str = _JSON
    headers: tuple[str, ...] = ()


def _(name: str) -> str:
    """Return a name that survives the encoding and is found again."""
    return _MARK.format(name)


def channels() -> dict[str, Channel]:
    """Return every channel by its name."""
    return _stored() | _passing() | _internal()


def _stored() -> dict[str, Channel]:
    w, p, lane, reader = _("workspace"), _("principal"), _("lane"), _("reader")
    ack = "inbox"

    page = subjects.page_stream(w, 1).removesuffix("1") + _("page")

    def work(root: str) -> str:
        return queueing.address(w, _("queue"), (root, _("class"), _("partition")), p)

    def told(root: str) -> str:
        made: str = getattr(subjects, root)(w, p, lane, reader)
        return made

    return {
        "events": Channel(address=subjects.event(w, p, _("type")), way="both", about="A fact, for many readers.",
                          messages=("event", "binaryEvent"), stream=subjects.events_stream(w), answers=ack),
        "redriven": Channel(address=subjects.redrive_event(subjects.event(w, p, _("type")), _("group")), way="receive",
                            about="An event again, for one group.", messages=("event", "binaryEvent"),
                            stream=subjects.events_stream(w)),
        "tasks": Channel(address=work("tasks"), way="both", about="Work in a queue.",
                         messages=("event", "binaryEvent"), stream=subjects.tasks_stream(w), answers=ack),
        "limitedTasks": Channel(address=work("limited"), way="both", about="Work in a queue with limits of its own.",
                                messages=("event", "binaryEvent"), stream=subjects.limited_stream(w, _("queue")),
                                answers=ack),
        "pagedTasks": Channel(address=work(f"paged.{_('page')}"), way="both", answers=ack, stream=page,
                              about="Work in a queue on a page other than 0.", messages=("event", "binaryEvent")),
        "attempts": Channel(address=told("attempts"), way="send", about="What went wrong in one attempt.",
                            messages=("attempt",), stream=subjects.attempts_stream(w), answers=ack),
        "dead": Channel(address=told("dead"), way="send", about="A message that nobody could process.",
                        messages=("deadLetter",), stream=subjects.dead_stream(w), answers=ack),
        "deferred": Channel(address=told("deferred"), way="send", about="A message put off for long.",
                            messages=("deferredMessage",), stream=subjects.deferred_stream(w), answers=ack),
        "receipts": Channel(address=told("receipts"), way="send", about="What was handled; best effort.",
                            messages=("receiptBatch",), stream=subjects.receipts_stream(w), answers=ack),
        "work": Channel(address=subjects.work(w, _("writer"), _("agent"), _("task")), way="send",
                        about="A step of a task's course.", messages=("taskEvent",), stream=subjects.work_stream(w),
                        answers=ack),
    }  # fmt: skip


def _passing() -> dict[str, Channel]:
    w, p, agent, instance, skill = (_(name) for name in ("workspace", "principal", "agent", "instance", "skill"))
    reply = subjects.reply(w, skill, _("caller"), _("connection"), 0).removesuffix("0") + _("n")
    stream, consumer = _("stream"), _("consumer")
    return {
        "calls": Channel(address=subjects.call(w, _("caller"), skill, agent, instance), way="both", answers="replies",
                         about="A call; `_` stands for any agent, any instance.", messages=("call", "probe")),
        "replies": Channel(address=reply, way="both", about="What a call is answered.",
                           messages=("result", "error", "progress", "alive")),
        "crews": Channel(address=subjects.crew(w, skill), way="receive", about="Who offers a skill now.",
                         messages=("crew",)),
        "cancellations": Channel(address=subjects.cancel(w, _("caller"), skill, _("called")), way="both",
                                 about="A call or task is no longer wanted.", messages=("nothing",)),
        "gateEvents": Channel(address=subjects.gate_event(w, p, _("type")), way="send", answers="inbox",
                              about="An event that a hub checks first.", messages=("event", "binaryEvent")),
        "gateTasks": Channel(address=subjects.gate_task(w, p, _("queue")), way="send", answers="inbox",
                             about="Work that a hub checks first.", messages=("event", "binaryEvent")),
        "beats": Channel(address=subjects.beat(w, p, agent, instance), way="send", about="A sign of life.",
                         messages=("beat",)),
        "probes": Channel(address=subjects.probe(w, agent, instance), way="receive",
                          about="Is it still there? Answered by a beat.", messages=("probe",)),
        "rollCall": Channel(address=subjects.ROLLCALL, way="receive", about="Every agent is to beat now.",
                            messages=("nothing",)),
        "changes": Channel(address=subjects.changed(w, _("lane"), _("reader")), way="receive",  # type: ignore[arg-type]
                           about="The settings of a queue changed.", messages=("nothing",)),
        "pulls": Channel(address=f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", way="send", answers="inbox",
                         about="Asks a consumer for messages.", messages=("pull",)),
        "verdicts": Channel(address=f"$JS.ACK.{stream}.{consumer}.{_('position')}", way="send",
                            about="What became of a message.", messages=("verdict",)),
        "inbox": Channel(address=f"{subjects.inbox_prefix(p)}.{_('inbox')}", way="receive",
                         about="Acknowledgements, answers of hubs, and what was pulled.",
                         messages=("stored", "accepted", "error", "event", "binaryEvent")),
    }  # fmt: skip


def _internal() -> dict[str, Channel]:
    w = _("workspace")
    return {
        "schedules": Channel(address=f"{subjects.ROOT}.{w}.schedule.{_('kind')}.{_('target')}.{_('id')}.{_('message')}",
                             way="hub", about="What waits for its time.", messages=("anything",),
                             stream=subjects.schedule_stream(w)),
        "due": Channel(address=f"{subjects.ROOT}.{w}.due.{_('kind')}.{_('id')}", way="hub", about="What fell due.",
                       messages=("anything",), stream=subjects.schedule_stream(w)),
        "hubNews": Channel(address=subjects.hub_news(_("topic")), way="hub", about="Hubs tell each other of changes.",
                           messages=("anything",)),
        "hubBudgets": Channel(address=subjects.hub_budgets(), way="hub", about="Hubs tell each other how many requests were spent.",
                              messages=("anything",)),
        "hubVerdicts": Channel(address=subjects.verdicts(w), way="hub", about="What the hub that probes has found.",
                               messages=("anything",)),
    }  # fmt: skip


_REPLY = (frames.HEADER_KIND, frames.HEADER_INSTANCE, frames.HEADER_LOAD)
_LETTER = (
    frames.HEADER_MSG_ID, frames.HEADER_SUBJECT, frames.HEADER_STREAM_SEQ, frames.HEADER_DELIVERIES,
    frames.HEADER_REASON, frames.HEADER_ERROR, frames.HEADER_AGENT,
)  # fmt: skip
_PUT_OFF = (
    frames.HEADER_MSG_ID, frames.HEADER_SUBJECT, frames.HEADER_DUE, frames.HEADER_ATTEMPT, frames.HEADER_ORIGIN_SEQ,
)  # fmt: skip

_EVENT = msgspec.defstruct(
    "CloudEvent",
    [
        (one.name, one.type) if one.required else (one.name, Any if one.name == "data" else one.type, msgspec.UNSET)
        for one in msgspec.structs.fields(ce.Envelope)
    ],
    kw_only=True,
)
"""The envelope with its data as any JSON: inside, the data stays raw."""

MESSAGES: dict[str, Message] = {
    "event": Message(about="A CloudEvent in structured mode.", kind=_EVENT, content_type=ce.CONTENT_TYPE,
                     headers=(frames.HEADER_MSG_ID,)),
    "binaryEvent": Message(about="A CloudEvent in binary mode: attributes in `ce-` headers, the payload as it is.",
                           content_type="application/octet-stream", headers=(frames.HEADER_MSG_ID, *(
                               f"{binary.PREFIX}{name}" for name in ("specversion", "id", "source", "type")))),
    "call": Message(about="A CloudEvent whose data is the skill's input.", kind=_EVENT,
                    content_type=ce.CONTENT_TYPE, headers=(frames.HEADER_TIMEOUT,)),
    "result": Message(about="A CloudEvent whose data is the skill's output.", kind=_EVENT,
                      content_type=ce.CONTENT_TYPE, headers=_REPLY),
    "error": Message(about="Problem details (RFC 9457).", kind=Problem, content_type=PROBLEM_JSON, headers=_REPLY),
    "progress": Message(about="A callee's sign of life.", kind=frames.Progress, headers=_REPLY),
    "probe": Message(about="No payload, and no call: to be answered by a beat.", headers=(frames.HEADER_PROBE,)),
    "alive": Message(about="The answer to a caller's probe: no payload.", headers=_REPLY),
    "crew": Message(about="The instances that offer a skill.", kind=Crew),
    "beat": Message(about="A heartbeat.", kind=frames.Beat),
    "attempt": Message(about="The record of a failed attempt.", kind=frames.Attempt, headers=(frames.HEADER_MSG_ID,)),
    "deadLetter": Message(about="The message as it was, and why it died.", content_type=ce.CONTENT_TYPE,
                          headers=_LETTER),
    "deferredMessage": Message(about="The message as it was, and when it is due.", content_type=ce.CONTENT_TYPE,
                               headers=_PUT_OFF),
    "receiptBatch": Message(about="What one instance settled for one reader.", kind=receipts.ReceiptBatch,
                            headers=(frames.HEADER_MSG_ID,)),
    "taskEvent": Message(about="One step.", kind=tasks.TaskEvent, headers=(frames.HEADER_MSG_ID,)),
    "accepted": Message(about="A hub has stored it.", kind=frames.Ack, headers=(frames.HEADER_KIND,)),
    "stored": Message(about="The broker's acknowledgement.", kind=dict[str, Any]),
    "pull": Message(about="How many messages, for how long.", kind=dict[str, Any]),
    "verdict": Message(about="`+ACK`, `-NAK`, `+TERM …` or `+WPI`.", kind=str, content_type="text/plain"),
    "nothing": Message(about="No payload.", content_type="application/octet-stream"),
    "anything": Message(about="Between hubs, and theirs to change.", content_type="application/octet-stream"),
}  # fmt: skip


def asyncapi() -> str:
    """Return the document, keys sorted so that diffs stay small."""
    found = channels()
    document = {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Trunkline agent protocol", "version": version.EDITION, "license": {"name": "Apache-2.0"},
            "description": "What agents, callers and hubs say to each other over NATS; the words are in `docs/protocol/`.",
        },
        "defaultContentType": ce.CONTENT_TYPE,
        "servers": {"broker": _server()},
        "channels": {name: _channel(one) for name, one in found.items()},
        "operations": _operations(found),
        "components": _components(),
    }  # fmt: skip
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def shown(template: str) -> str:
    """Return an address with its parameters in braces."""
    return _NAMED.sub(r"{\1}", template)


def _server() -> dict[str, Any]:
    return {
        "host": "{host}", "protocol": "nats",
        "description": "Any of `connection.urls` in the answer to a registration.",
        "variables": {"host": {"default": "127.0.0.1:4222"}},
        "security": [{"$ref": "#/components/securitySchemes/token"}],
    }  # fmt: skip


def _channel(one: Channel) -> dict[str, Any]:
    names = _NAMED.findall(one.address)
    made: dict[str, Any] = {
        "address": shown(one.address),
        "description": one.about,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in one.messages},
    }
    if names:
        made["parameters"] = {name: {"description": _WORDS.get(name, f"The {name}, as one token.")} for name in names}
    if one.stream:
        made["x-stream"] = shown(one.stream)
    if one.way == "hub":
        made["tags"] = [{"name": "hubs only"}]
    return made


def _operations(found: dict[str, Channel]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, one in found.items():
        ways = ("send", "receive") if one.way == "both" else (one.way,)
        for way in ways:
            if way == "hub":
                continue
            operation: dict[str, Any] = {"action": way, "channel": {"$ref": f"#/channels/{name}"}}
            if one.answers and (way == "send" or one.answers == "replies"):
                operation["reply"] = {"channel": {"$ref": f"#/channels/{one.answers}"}}
            made[f"{way}{name[0].upper()}{name[1:]}"] = operation
    return made


def _components() -> dict[str, Any]:
    kinds = [one.kind for one in MESSAGES.values() if one.kind is not None]
    shapes, definitions = msgspec.json.schema_components(kinds, ref_template=_REF)
    schemas = iter(shapes)
    return {
        "messages": {
            name: _message(name, one, next(schemas) if one.kind is not None else None) for name, one in MESSAGES.items()
        },
        "schemas": definitions,
        "securitySchemes": {
            "token": {"type": "apiKey", "in": "password", "description": "`auth_token` of CONNECT: the HTTP token."}
        },
    }


def _message(name: str, one: Message, schema: dict[str, Any] | None) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "summary": one.about, "contentType": one.content_type}
    if schema is not None:
        made["payload"] = schema
    if one.headers:
        made["headers"] = {"type": "object", "properties": {header: {"type": "string"} for header in one.headers}}
    return made
