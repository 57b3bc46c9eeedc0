"""Routes of the event log."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.params import QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from trunkline.protocol import envelope as ce
from trunkline.protocol import media, modes
from trunkline.protocol.frames import Ack, Subscribed, Subscription
from trunkline.protocol.resources import BatchResult, Event, EventPage
from trunkline_hub.core.principal import Principal
from trunkline_hub.events.service import EventFilter, Events
from trunkline_hub.web import requires
from trunkline_hub.web.cloudevents import BATCH, BinaryEvent, batch, content_type, receive
from trunkline_hub.web.negotiation import NegotiatedResponse, prefers
from trunkline_hub.web.openapi import CloudEventOperation
from trunkline_hub.web.parameters import Cursor, Limit
from trunkline_hub.web.streams import Messages, stream

_MAX_SEQ_DIGITS = 18
AnyRequest = Request[Principal, Any, Any]
TypePattern = Annotated[str | None, QueryParameter(name="type", description="Type or pattern, such as `order.*`.")]


@post("/events", opt=requires("events:publish", audited=False), operation_class=CloudEventOperation)
async def publish(workspace: str, body: bytes, request: AnyRequest, events: Events) -> Response[Ack | BatchResult]:
    """Store one CloudEvent (structured or binary), or a batch. Answered when the broker has it on disk.

    A batch is answered item by item: 201 when all are stored, 207 when some are not.
    """
    if content_type(request) == BATCH:
        result = await events.publish_batch(request.user, workspace, batch(body))
        return NegotiatedResponse(result, status_code=207 if result.failed else 201)
    return NegotiatedResponse(await events.publish(request.user, workspace, receive(request, body)))


@get("/events", opt=requires("events:read"))
async def query(
    workspace: str,
    events: Events,
    event_type: TypePattern = None,
    subject: str | None = None,
    correlation_id: str | None = None,
    since: str | None = None,
    newest: bool = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> EventPage:
    """Read the log, oldest first, or newest first with `newest=true`."""
    wanted = EventFilter(type=event_type, subject=subject, correlation_id=correlation_id, since=since, newest=newest)
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


async def _messages(followed: AsyncIterator[Event | None]) -> Messages:
    yield ServerSentEventMessage(data=None, comment="following")
    async for event in followed:
        if event is None:
            yield ServerSentEventMessage(data=None, comment="still here")
        else:
            text = msgspec.json.encode(event).decode()
            yield ServerSentEventMessage(data=text, event="event", id=str(event.seq))


router = Router(
    "/api/v1/w/{workspace:str}", route_handlers=[publish, query, tail, get_event, subscribe], tags=["events"]
)
