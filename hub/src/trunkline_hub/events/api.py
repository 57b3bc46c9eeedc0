"""Routes of the event log."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from trunkline.protocol import envelope as ce
from trunkline.protocol import media, modes
from trunkline.protocol.frames import Ack, Subscribed, Subscription
from trunkline.protocol.resources import BatchResult, Event, EventPage, Group, GroupPage
from trunkline_hub.bus import Reconciler
from trunkline_hub.bus.schedule import Later
from trunkline_hub.core.principal import Principal
from trunkline_hub.db import Tx
from trunkline_hub.events.service import EventFilter, Events, Groups
from trunkline_hub.web import requires
from trunkline_hub.web.cloudevents import BATCH, BinaryEvent, batch, content_type, receive, receive_plain
from trunkline_hub.web.negotiation import NegotiatedResponse, prefers
from trunkline_hub.web.openapi import CloudEventOperation
from trunkline_hub.web.parameters import Cursor, Limit
from trunkline_hub.web.quick import Headers, QuickRoute
from trunkline_hub.web.streams import Messages, stream

_MAX_SEQ_DIGITS = 18
AnyRequest = Request[Principal, Any, Any]
TypePattern = Annotated[str | None, QueryParameter(name="type", description="Type or pattern, such as `order.*`.")]
Delay = Annotated[float | None, QueryParameter(description="Seconds to wait before it is stored in the log.")]
DeliverAt = Annotated[str | None, QueryParameter(description="RFC 3339: wait until then; not together with `delay_s`.")]

EventId = Annotated[str | None, QueryParameter(name="id", description="The CloudEvent's id.")]


@post(
    "/events", opt=requires("events:submit", audited=False), operation_class=CloudEventOperation,
    responses={207: ResponseSpec(BatchResult, generate_examples=False, description="Some of a batch are not stored")},
)  # fmt: skip
async def publish(
    workspace: str,
    body: bytes,
    request: AnyRequest,
    events: Events,
    delay_s: Delay = None,
    deliver_at: DeliverAt = None,
) -> Response[Ack | BatchResult]:
    """Store one CloudEvent (structured or binary), now or later, or a batch. Answered when it is on disk.

    A batch is answered item by item: 201 when all are stored, 207 when some are not.
    """
    if content_type(request) == BATCH:
        result = await events.publish_batch(request.user, workspace, batch(body))
        return NegotiatedResponse(result, status_code=207 if result.failed else 201)
    later = Later(delay_s=delay_s, deliver_at=deliver_at)
    return NegotiatedResponse(await events.publish(request.user, workspace, receive(request, body), later))


def quick_publish(events: Events) -> QuickRoute:
    """Return `publish` as it is done for one event in a plain request."""

    async def answer(principal: Principal, workspace: str, headers: Headers, body: bytes) -> Ack | None:
        event = receive_plain(headers, body)
        return None if event is None else await events.publish(principal, workspace, event)

    return QuickRoute(path="/events", permission="events:submit", answer=answer)


@get("/events", opt=requires("events:read"))
async def query(
    workspace: str,
    events: Events,
    event_type: TypePattern = None,
    subject: str | None = None,
    correlation_id: str | None = None,
    since: str | None = None,
    until: str | None = None,
    event_id: EventId = None,
    sender: str | None = None,
    trace_id: str | None = None,
    newest: bool = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> EventPage:
    """Read the log, oldest first, or newest first with `newest=true`; times are those of storing."""
    wanted = EventFilter(
        type=event_type, subject=subject, correlation_id=correlation_id, since=since, until=until, id=event_id,
        sender=sender, trace_id=trace_id, newest=newest,
    )  # fmt: skip
    return await events.query(workspace, wanted, cursor=cursor, limit=limit)


@get("/events/tail", opt=requires("events:read"))
async def tail(workspace: str, events: Events, request: AnyRequest, event_type: TypePattern = None) -> ServerSentEvent:
    """Follow the log live as server-sent events; `Last-Event-ID` resumes after that place."""
    last = request.headers.get("last-event-id", "")
    after_seq = int(last) if last.isascii() and last.isdigit() and len(last) <= _MAX_SEQ_DIGITS else None
    followed = events.tail(workspace, [event_type] if event_type else [], after_seq=after_seq)
    return stream(request, _messages(followed))


@get("/events/{seq:str}", opt=requires("events:read"))
async def get_event(
    workspace: str, seq: str, request: AnyRequest, events: Events, mode: Literal["binary"] | None = None
) -> Response[Event]:
    """Show one event by its place in the log.

    As a resource of ours; with `Accept: application/cloudevents+json` the CloudEvent alone, the very bytes where it was
    stored so; with `mode=binary` its payload, attributes in `ce-` headers.
    """
    found = await events.get(workspace, seq)
    if mode == "binary":
        return BinaryEvent(*modes.split(found.payload, found.headers))  # type: ignore[return-value]
    if prefers(request, [media.JSON, ce.CONTENT_TYPE, media.MSGPACK]) == ce.CONTENT_TYPE:
        raw = modes.to_structured(found.payload, found.headers)
        return Response(raw, media_type=ce.CONTENT_TYPE)  # type: ignore[arg-type]
    return NegotiatedResponse(events.show(found))


@post("/events/subscriptions", opt=requires("events:read", audited=False))
async def subscribe(workspace: str, data: Subscription, request: AnyRequest, events: Events) -> Subscribed:
    """Have events delivered to the caller's own inbox on the bus, live."""
    return await events.subscribe(request.user, workspace, data)


@get("/groups", opt=requires("events:read"))
async def list_groups(workspace: str, tx: Tx, groups: Groups, cursor: Cursor = None, limit: Limit = 50) -> GroupPage:
    """List the groups that follow events, with how far behind each is."""
    return await groups.page(tx, workspace, cursor=cursor, limit=limit)


@get("/groups/{name:str}", opt=requires("events:read"))
async def get_group(workspace: str, name: str, tx: Tx, groups: Groups) -> Group:
    """Show one group with how far behind it is."""
    return await groups.get(tx, workspace, name)


@delete("/groups/{name:str}", opt=requires("groups:write"))
async def remove_group(
    workspace: str, name: str, request: AnyRequest, tx: Tx, groups: Groups, reconciler: Reconciler, force: bool = False
) -> None:
    """Remove a group with its cursor; with `force=true` also while workers read as it."""
    await groups.remove(tx, request.user, workspace, name, force=force)
    tx.after_commit(reconciler.converge)


async def _messages(followed: AsyncIterator[Event | None]) -> Messages:
    yield ServerSentEventMessage(data=None, comment="following")
    async for event in followed:
        if event is None:
            yield ServerSentEventMessage(data=None, comment="still here")
        else:
            text = msgspec.json.encode(event).decode()
            yield ServerSentEventMessage(data=text, event="event", id=str(event.seq))


router = Router(
    "/api/v1/w/{workspace:str}",
    route_handlers=[publish, query, tail, get_event, subscribe, list_groups, get_group, remove_group],
    tags=["events"],
)
