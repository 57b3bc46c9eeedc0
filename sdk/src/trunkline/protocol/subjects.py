"""Subject grammar, stream names and consumer names.

Every name that comes from a user is encoded into exactly one NATS token by
`token`, reversibly, so a queue called `a.b` can neither widen a wildcard nor
collide with another. `_` alone is never produced by the encoder: in call
subjects it stands for "any instance".

    tl.<ws>.events.<principal>.<type…>
    tl.<ws>.redrive.<group>.<principal>.<type…>            (hub only)
    tl.<ws>.tasks.<queue>.<class>.<partition>.<principal>
    tl.<ws>.limited.<queue>.<class>.<partition>.<principal>  (queues with limits of their own)
    tl.<ws>.paged.<page>.<queue>.<class>.<partition>.<principal>  (queues that the common stream has no room for)
    tl.<ws>.changed.<lane>.<reader>                        (hub only)
    tl.<ws>.call.<caller>.<skill>.<agent>.<instance>
    tl.<ws>.reply.<skill>.<caller>.<connection>.<n>
    tl.<ws>.crew.<skill>                                   (hub only: who offers it now)
    tl.<ws>.cancel.<caller>.<skill>.<call or task>         (the caller, or the hub, no longer wants it)
    tl.<ws>.work.<writer>.<agent>.<task>                   (the course of a task)
    tl.<ws>.attempts.<principal>.<lane>.<reader>
    tl.<ws>.dead.<principal>.<lane>.<reader>
    tl.<ws>.deferred.<principal>.<lane>.<reader>
    tl.<ws>.schedule.<kind>.<target>.<id>.<message>        (hub only)
    tl.<ws>.due.<kind>.<id>                                (hub only)
    tl.<ws>.receipts.<principal>.<lane>.<reader>           (lane `call`: the reader is a skill)
    tl.<ws>.beat.<principal>.<agent>.<instance>
    tl.<ws>.probe.<agent>.<instance>                       (hub only)
    tl.<ws>.gate.<principal>.events.<type…>                (asked of a hub)
    tl.<ws>.gate.<principal>.tasks.<queue>                 (asked of a hub)
    tl.rollcall                                            (hub only)
    tl.hubs.<topic>                                        (hub only)
    tl.verdicts.<ws>                                       (hub only)
"""

import re
from functools import lru_cache
from typing import Literal

ANY = "_"
ROOT = "tl"
HUB = "hub"
"""Name of the hub's own principal."""

ROLLCALL = f"{ROOT}.rollcall"
"""The hub asks every agent to send a heartbeat now."""

Lane = Literal["queue", "group"]
"""A reader takes work from a `queue` or follows events as a `group`."""

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,126}"

_CACHED = 4096
"""A program sends few kinds of messages, many times."""
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPE = re.compile(r"=([0-9A-F]{2})")
_NAME = re.compile(NAME_PATTERN)
_MAX_CONSUMER_CHARS = 255
_DEFAULT_CLASS = "normal"
_DEFAULT_PARTITION = "0"
_SENDER_AT = {
    "attempts": 3,
    "call": 3,
    "cancel": 3,
    "dead": 3,
    "deferred": 3,
    "events": 3,
    "gate": 3,
    "limited": 6,
    "paged": 7,
    "receipts": 3,
    "redrive": 4,
    "tasks": 6,
    "work": 3,
}


@lru_cache(maxsize=_CACHED)
def token(name: str) -> str:
    """Encode `name` into one subject token: `=XX` for each byte outside A-Z a-z 0-9 _ -."""
    if name != ANY and _PLAIN.fullmatch(name):
        return name
    if not name:
        return "="
    return "".join(
        chr(byte) if name != ANY and _PLAIN.fullmatch(chr(byte)) else f"={byte:02X}" for byte in name.encode()
    )


def untoken(encoded: str) -> str:
    """Decode what `token` made."""
    if encoded == "=":
        return ""
    raw = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), encoded)
    return raw.encode("latin-1").decode()


@lru_cache(maxsize=_CACHED)
def type_tokens(event_type: str) -> str:
    """Encode a dotted event type, each segment one token."""
    return ".".join(token(segment) for segment in event_type.split("."))


def type_filter(pattern: str) -> str:
    """Encode an event type pattern: `*` is one segment, a final `>` or `**` the rest."""
    segments = pattern.split(".")
    encoded = [segment if segment in {"*", ">"} else token(segment) for segment in segments[:-1]]
    last = segments[-1]
    encoded.append(">" if last in {">", "**"} else last if last == "*" else token(last))
    return ".".join(encoded)


@lru_cache(maxsize=_CACHED)
def event(workspace: str, principal: str, event_type: str) -> str:
    return f"{ROOT}.{workspace}.events.{token(principal)}.{type_tokens(event_type)}"


def event_filter(workspace: str, pattern: str, principal: str | None = None) -> str:
    sender = "*" if principal is None else token(principal)
    return f"{ROOT}.{workspace}.events.{sender}.{type_filter(pattern)}"


def redrive_event(original: str, group: str) -> str:
    """Return where an event goes that must reach one group again, and only it."""
    root, workspace, _events, rest = original.split(".", 3)
    return f"{root}.{workspace}.redrive.{token(group)}.{rest}"


@lru_cache(maxsize=_CACHED)
def carried_type(subject: str) -> str | None:
    """Return the type tokens of an event's subject, redriven or not; None where a subject names no type."""
    _root, _workspace, kind, *rest = subject.split(".")
    named = {"events": 1, "redrive": 2}.get(kind)
    return ".".join(rest[named:]) if named is not None and len(rest) > named else None


def redrive_filter(workspace: str, group: str) -> str:
    return f"{ROOT}.{workspace}.redrive.{token(group)}.>"


@lru_cache(maxsize=_CACHED)
def task(workspace: str, queue: str, principal: str) -> str:
    return f"{ROOT}.{workspace}.tasks.{token(queue)}.{_DEFAULT_CLASS}.{_DEFAULT_PARTITION}.{token(principal)}"


def task_filter(workspace: str, queue: str, principal: str | None = None) -> str:
    sender = "*" if principal is None else token(principal)
    return f"{ROOT}.{workspace}.tasks.{token(queue)}.*.*.{sender}"


def changed(workspace: str, lane: Lane, reader: str | None = None) -> str:
    """Return where the hub tells that a queue's or group's settings changed; of any, without a name."""
    return f"{ROOT}.{workspace}.changed.{lane}.{'*' if reader is None else token(reader)}"


def call(workspace: str, caller: str, skill: str, agent: str | None = None, instance: str | None = None) -> str:
    target = token(agent) if agent else ANY
    place = token(instance) if instance else ANY
    return f"{ROOT}.{workspace}.call.{token(caller)}.{token(skill)}.{target}.{place}"


def call_filter(workspace: str, skill: str, agent: str | None, instance: str | None) -> str:
    target = token(agent) if agent else ANY
    place = token(instance) if instance else ANY
    return f"{ROOT}.{workspace}.call.*.{token(skill)}.{target}.{place}"


def crew(workspace: str, skill: str | None = None) -> str:
    """Return where the hub tells who offers a skill, whenever that changes; of any, without a name."""
    return f"{ROOT}.{workspace}.crew.{'*' if skill is None else token(skill)}"


def cancel(workspace: str, caller: str, skill: str, called: str) -> str:
    """Return where a caller says that it no longer waits for the call (or task) with the id `called`."""
    return f"{ROOT}.{workspace}.cancel.{token(caller)}.{token(skill)}.{token(called)}"


def cancel_filter(workspace: str, skill: str | None, caller: str | None = None) -> str:
    sender, wanted = ("*" if name is None else token(name) for name in (caller, skill))
    return f"{ROOT}.{workspace}.cancel.{sender}.{wanted}.*"


def work(workspace: str, writer: str, agent: str, task_id: str) -> str:
    """Return where the course of a task is written: by the agent that does it, or by the hub."""
    return f"{ROOT}.{workspace}.work.{token(writer)}.{token(agent)}.{token(task_id)}"


def work_filter(
    workspace: str, *, writer: str | None = None, agent: str | None = None, task_id: str | None = None
) -> str:
    parts = ("*" if name is None else token(name) for name in (writer, agent, task_id))
    return f"{ROOT}.{workspace}.work.{'.'.join(parts)}"


def reply(workspace: str, skill: str, caller: str, connection: str, number: int) -> str:
    return f"{ROOT}.{workspace}.reply.{token(skill)}.{token(caller)}.{connection}.{number}"


def replies(workspace: str, skill: str) -> str:
    """Return what every subject for replies to calls of a skill begins with."""
    return f"{ROOT}.{workspace}.reply.{token(skill)}."


def reply_filter(workspace: str, caller: str, connection: str) -> str:
    return f"{ROOT}.{workspace}.reply.*.{token(caller)}.{connection}.*"


def attempts(workspace: str, principal: str, lane: Lane, reader: str) -> str:
    return f"{ROOT}.{workspace}.attempts.{token(principal)}.{lane}.{token(reader)}"


def dead(workspace: str, principal: str, lane: Lane, reader: str) -> str:
    return f"{ROOT}.{workspace}.dead.{token(principal)}.{lane}.{token(reader)}"


def dead_filter(workspace: str, lane: Lane, reader: str) -> str:
    return f"{ROOT}.{workspace}.dead.*.{lane}.{token(reader)}"


def deferred(workspace: str, principal: str, lane: Lane, reader: str) -> str:
    return f"{ROOT}.{workspace}.deferred.{token(principal)}.{lane}.{token(reader)}"


def receipts(workspace: str, principal: str, lane: str, reader: str) -> str:
    return f"{ROOT}.{workspace}.receipts.{token(principal)}.{lane}.{token(reader)}"


def beat(workspace: str, principal: str, agent: str, instance: str) -> str:
    return f"{ROOT}.{workspace}.beat.{token(principal)}.{token(agent)}.{token(instance)}"


def probe(workspace: str, agent: str, instance: str | None = None) -> str:
    """Return where the hub asks an instance whether it still hears; it answers with a beat."""
    return f"{ROOT}.{workspace}.probe.{token(agent)}.{'*' if instance is None else token(instance)}"


def verdicts(workspace: str) -> str:
    """Return where the hub that probes tells the others what it found."""
    return f"{ROOT}.verdicts.{workspace}"


GateLane = Literal["events", "tasks"]


def gate_event(workspace: str, principal: str, event_type: str) -> str:
    return f"{ROOT}.{workspace}.gate.{token(principal)}.events.{type_tokens(event_type)}"


def gate_task(workspace: str, principal: str, queue: str) -> str:
    return f"{ROOT}.{workspace}.gate.{token(principal)}.tasks.{token(queue)}"


def gate_filter(workspace: str, principal: str | None = None, lane: GateLane | None = None) -> str:
    sender = "*" if principal is None else token(principal)
    return f"{ROOT}.{workspace}.gate.{sender}.{lane or '*'}.>"


def gate_parts(subject: str) -> tuple[str, str, str, str]:
    """Return (workspace, principal, lane, type tokens or queue token) of a gate subject."""
    _root, workspace, _gate, sender, lane, rest = subject.split(".", 5)
    return workspace, untoken(sender), lane, rest


def hub_news(topic: str) -> str:
    """Return where hubs tell each other that `topic` changed."""
    return f"{ROOT}.hubs.{topic}"


def hub_budgets() -> str:
    """Return where hubs tell each other how many requests were spent."""
    return f"{ROOT}.budgets.hubs"


def inbox_prefix(principal: str) -> str:
    """Return the prefix under which one principal, and only it, may listen for replies."""
    return f"_INBOX_{token(principal)}"


def events_stream(workspace: str) -> str:
    return f"EVENTS_{workspace}"


def tasks_stream(workspace: str) -> str:
    return f"TASKS_{workspace}"


def limited_stream(workspace: str, queue: str) -> str:
    """Return the stream of a queue with limits of its own."""
    return f"{tasks_stream(workspace)}~{token(queue)}"


def page_stream(workspace: str, page: int) -> str:
    """Return the stream of a page of plain queues; page 0 is the common one."""
    return f"{tasks_stream(workspace)}~~{page}" if page else tasks_stream(workspace)


def workspace_of_stream(stream: str) -> str:
    return stream.split("_", 1)[1].split("~", 1)[0]


def dead_stream(workspace: str) -> str:
    return f"DEAD_{workspace}"


def attempts_stream(workspace: str) -> str:
    return f"ATTEMPTS_{workspace}"


def deferred_stream(workspace: str) -> str:
    return f"DEFERRED_{workspace}"


def schedule_stream(workspace: str) -> str:
    return f"SCHEDULE_{workspace}"


def receipts_stream(workspace: str) -> str:
    return f"RECEIPTS_{workspace}"


def work_stream(workspace: str) -> str:
    """Return the stream that keeps the course of every task."""
    return f"WORK_{workspace}"


def agent_queue(agent: str) -> str:
    """Return the queue in which tasks wait for an agent; only the hub puts any into it."""
    return f"agent.{agent}"


def reader_stream(workspace: str, lane: Lane) -> str:
    return tasks_stream(workspace) if lane == "queue" else events_stream(workspace)


def consumer(lane: Lane, reader: str) -> str:
    """Return the durable's name: `q_<queue>` or `g_<group>`."""
    return f"{lane[0]}_{token(reader)}"


def reader_of_consumer(name: str) -> str:
    """Return the queue or group of a durable's name, whichever of its consumers it is."""
    return untoken(name.split("~", 1)[0].split("_", 1)[1])


def can_name_reader(name: str) -> bool:
    """Whether a queue or group may have this name: the broker takes consumer names of 255 characters."""
    return _NAME.fullmatch(name) is not None and len(consumer("queue", name)) <= _MAX_CONSUMER_CHARS


def workspace_of(subject: str) -> str:
    return subject.split(".", 2)[1]


def sender_of(subject: str) -> str:
    """Return the principal pinned into a subject that carries one."""
    parts = subject.split(".")
    return untoken(parts[_SENDER_AT[parts[2]]])


def matches(pattern: str, dotted: str) -> bool:
    """Whether a pattern names an event type or a subject: `*` is one segment, a final `>` (or `**`) one or more."""
    wanted, given = pattern.split("."), dotted.split(".")
    if wanted[-1] in {">", "**"}:
        wanted.pop()
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(w in {"*", g} for w, g in zip(wanted, given, strict=True))
