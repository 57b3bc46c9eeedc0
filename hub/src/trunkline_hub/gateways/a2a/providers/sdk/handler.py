"""The operations of A2A, whatever binding they came by: the library's handler, on our tasks."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import UTC
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.request_handler import RequestHandler, validate_request_params
from a2a.types import a2a_pb2 as pb
from a2a.utils import errors as a2a
from google.protobuf.json_format import ParseDict

from trunkline_hub.gateways.a2a.model import Features, Place
from trunkline_hub.gateways.a2a.model.push import Target
from trunkline_hub.gateways.a2a.ports import Signer
from trunkline_hub.gateways.a2a.providers.sdk import words
from trunkline_hub.gateways.a2a.providers.sdk.errors import translated
from trunkline_hub.gateways.a2a.service import Cards, Desk, Pushes
from trunkline_hub.tasks.model import Record
from trunkline_hub.web.streams import until

DOOR = "door"
"""In a call's state: says where the request came in, once its caller is known."""
Door = Callable[[], Awaitable[Place]]
_PAGE, _MOST = 50, 100


class Handler(RequestHandler):
    """Answers the eleven operations for every agent of the bus."""

    def __init__(
        self, desk: Desk, pushes: Pushes, cards: Cards, signer: Signer, closing: Callable[[], asyncio.Event]
    ) -> None:
        self._desk = desk
        self._pushes = pushes
        self._cards = cards
        self._signer = signer
        self._closing = closing

    @validate_request_params
    async def on_message_send(self, params: pb.SendMessageRequest, context: ServerCallContext) -> pb.Task | pb.Message:
        place = await _place(context)
        kept = _history(params.configuration)
        with translated():
            found = await self._say(place, params)
            if isinstance(found, Record) and not params.configuration.return_immediately:
                found = await self._desk.settled(place, found)
        shown: pb.Task | pb.Message = self._shown(place, found, history=kept)
        return shown

    @validate_request_params
    async def on_message_send_stream(
        self, params: pb.SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[words.Event]:
        place = await _place(context)
        await self._needs_streaming(place)
        kept = _history(params.configuration)
        with translated():
            found = await self._say(place, params)
            yield self._shown(place, found, history=kept)
            if isinstance(found, Record):
                async for event in self._events(place, found, to_the_end=False):
                    yield event

    @validate_request_params
    async def on_subscribe_to_task(
        self, params: pb.SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[words.Event]:
        place = await _place(context)
        await self._needs_streaming(place)
        with translated():
            record = await self._desk.task(place, params.id)
            if record.finished:
                raise a2a.UnsupportedOperationError(f"The task {record.id!r} is {record.state}")
            yield self._shown(place, record)
            async for event in self._events(place, record, to_the_end=True):
                yield event

    @validate_request_params
    async def on_get_task(self, params: pb.GetTaskRequest, context: ServerCallContext) -> pb.Task:
        place = await _place(context)
        kept = _history(params)
        with translated():
            return words.task(record := await self._desk.task(place, params.id), _files(place, record), history=kept)

    @validate_request_params
    async def on_cancel_task(self, params: pb.CancelTaskRequest, context: ServerCallContext) -> pb.Task:
        place = await _place(context)
        with translated(finished=a2a.TaskNotCancelableError):
            record = await self._desk.cancel(place, params.id)
        return words.task(record, _files(place, record))

    @validate_request_params
    async def on_list_tasks(self, params: pb.ListTasksRequest, context: ServerCallContext) -> pb.ListTasksResponse:
        place = await _place(context)
        size, kept = _page_size(params), _history(params)
        filters: dict[str, Any] = {
            "context_id": params.context_id or None,
            "state": words.STATE_NAMES.get(params.status),
        }
        if params.HasField("status_timestamp_after"):
            filters["since"] = params.status_timestamp_after.ToDatetime(tzinfo=UTC)
        with translated():
            records, after, total = await self._desk.tasks(place, filters, cursor=params.page_token or None, limit=size)
        shown = [
            words.task(one, _files(place, one), history=kept, artifacts=params.include_artifacts) for one in records
        ]
        return pb.ListTasksResponse(tasks=shown, next_page_token=after or "", page_size=len(shown), total_size=total)

    @validate_request_params
    async def on_create_task_push_notification_config(
        self, params: pb.TaskPushNotificationConfig, context: ServerCallContext
    ) -> pb.TaskPushNotificationConfig:
        place = await _place(context)
        await self._needs_push(place)
        with translated():
            record = await self._desk.task(place, params.task_id)
            return _config(record.id, await self._pushes.put(place, record, _target(params)))

    @validate_request_params
    async def on_get_task_push_notification_config(
        self, params: pb.GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> pb.TaskPushNotificationConfig:
        place = await _place(context)
        await self._needs_push(place)
        with translated():
            record = await self._desk.task(place, params.task_id)
            return _config(record.id, await self._pushes.get(place, record, params.id))

    @validate_request_params
    async def on_list_task_push_notification_configs(
        self, params: pb.ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> pb.ListTaskPushNotificationConfigsResponse:
        place = await _place(context)
        await self._needs_push(place)
        with translated():
            record = await self._desk.task(place, params.task_id)
            held = await self._pushes.every(place, record)
        return pb.ListTaskPushNotificationConfigsResponse(configs=[_config(record.id, one) for one in held])

    @validate_request_params
    async def on_delete_task_push_notification_config(
        self, params: pb.DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        place = await _place(context)
        await self._needs_push(place)
        with translated():
            record = await self._desk.task(place, params.task_id)
            await self._pushes.drop(place, record, params.id)

    async def on_get_extended_agent_card(
        self, params: pb.GetExtendedAgentCardRequest, context: ServerCallContext
    ) -> pb.AgentCard:
        del params  # says nothing but the tenant, which the context has
        place = await _place(context)
        if not (await self._features(place)).extended_card:
            raise a2a.UnsupportedOperationError("No extended agent card is offered here")
        with translated():
            card = await self._cards.card(place, self._signer, extended=True)
        found: pb.AgentCard = ParseDict(card.body, pb.AgentCard(), ignore_unknown_fields=True)
        return found

    async def _say(self, place: Place, params: pb.SendMessageRequest) -> Any:
        wanted = params.configuration.task_push_notification_config
        asked = params.configuration.HasField("task_push_notification_config")
        if asked:
            await self._needs_push(place)
        if params.message.role != pb.ROLE_USER:
            raise a2a.InvalidParamsError("A client's message has the role ROLE_USER")
        found = await self._desk.say(place, words.said(params))
        if asked and isinstance(found, Record):
            await self._pushes.put(place, found, _target(wanted))
            await self._pushes.enter(place.workspace, found.id, words.Words())
        return found

    async def _events(self, place: Place, record: Record, *, to_the_end: bool) -> AsyncIterator[words.Event]:
        """Yield what happens to a task until it ends, or else waits for its caller, or this hub closes."""
        files = _files(place, record)
        async for latest, step in until(self._closing(), self._desk.follow(place, record)):
            event = None if step is None else words.event_of(latest, step, files)
            if event is not None:
                yield event
            if latest.waits and not to_the_end:
                return

    def _shown(self, place: Place, found: Any, *, history: int | None = None) -> Any:
        if isinstance(found, Record):
            return words.task(found, _files(place, found), history=history)
        return words.message(found, "")

    async def _features(self, place: Place) -> Features:
        with translated():
            return await self._cards.features(place)

    async def _needs_streaming(self, place: Place) -> None:
        if not (await self._features(place)).streaming:
            raise a2a.UnsupportedOperationError("No streams are offered here")

    async def _needs_push(self, place: Place) -> None:
        if not (await self._features(place)).push:
            raise a2a.PushNotificationNotSupportedError("No push notifications are offered here")


async def _place(context: ServerCallContext) -> Place:
    door: Door = context.state[DOOR]
    return await door()


def _files(place: Place, record: Record) -> str:
    """Return below which address the files of a task are served."""
    return f"{place.url}/tasks/{record.id}/files"


def _history(params: Any) -> int | None:
    if not params.HasField("history_length"):
        return None
    if params.history_length < 0:
        raise a2a.InvalidParamsError("historyLength must not be negative")
    return int(params.history_length)


def _page_size(params: pb.ListTasksRequest) -> int:
    if not params.HasField("page_size"):
        return _PAGE
    if not 1 <= params.page_size <= _MOST:
        raise a2a.InvalidParamsError(f"pageSize must be 1 to {_MOST}")
    return int(params.page_size)


def _target(given: pb.TaskPushNotificationConfig) -> Target:
    return Target(
        id=given.id, url=given.url, token=given.token, scheme=given.authentication.scheme,
        credentials=given.authentication.credentials,
    )  # fmt: skip


def _config(task_id: str, target: Target) -> pb.TaskPushNotificationConfig:
    """Return a configuration as it is shown: without what proves the hub to the receiver."""
    found = pb.TaskPushNotificationConfig(id=target.id, task_id=task_id, url=target.url)
    if target.scheme:
        found.authentication.scheme = target.scheme
    return found
