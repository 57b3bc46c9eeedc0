"""Asking A2A agents elsewhere, through the guarded door out."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from a2a.client import ClientConfig, ClientFactory
from a2a.client.card_resolver import parse_agent_card
from a2a.client.client import Client
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import A2AError, TaskNotFoundError
from google.protobuf.json_format import MessageToDict, ParseError

from trunkline.protocol.errors import (
    A2AAgentBrokenError,
    A2ACardError,
    CallFailedError,
    OutboundTooLargeError,
    TaskNeededError,
)
from trunkline.protocol.frames import Progress
from trunkline.protocol.tasks import Artifact, TaskMessage
from trunkline_hub.bus.host import CallInfo
from trunkline_hub.gateways.a2a.model import remote
from trunkline_hub.gateways.a2a.ports import Errand, Turn
from trunkline_hub.gateways.a2a.providers.sdk import words
from trunkline_hub.gateways.a2a.providers.sdk.channels import open_channel
from trunkline_hub.outbound import Outbound
from trunkline_hub.outbound.transports import httpx_transport

_WELL_KNOWN = "/.well-known/agent-card.json"
_ENDED = {pb.TASK_STATE_COMPLETED, pb.TASK_STATE_FAILED, pb.TASK_STATE_CANCELED, pb.TASK_STATE_REJECTED}
_ASKS = {pb.TASK_STATE_INPUT_REQUIRED, pb.TASK_STATE_AUTH_REQUIRED}
_POLL_MIN_S, _POLL_MAX_S = 0.2, 5.0
_CANCEL_S = 5.0
_LOOK_S = 10.0
_STREAM = "text/event-stream"
_OK = 200
_FAILURES = 5


class Courier:
    """Speaks A2A to others."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def fetch_card(self, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Read the card that lies at an address, or below it.

        Raises:
            A2ACardError, OutboundErrors
        """
        target = url if url.rstrip("/").endswith(".json") else f"{url.rstrip('/')}{_WELL_KNOWN}"
        async with self._outbound.request("GET", target, headers=dict(headers), redirects=3) as answer:
            if answer.status != _OK:
                raise A2ACardError(f"{target} answered with HTTP {answer.status}")
            raw = await answer.read()
        try:
            card = parse_agent_card(words.json_from(raw))
        except (ParseError, ValueError, TypeError, AttributeError) as error:
            raise A2ACardError(f"{target}: {error}") from None
        return dict(MessageToDict(card))

    async def ask(self, errand: Errand, message: TaskMessage, call: CallInfo) -> Any:
        """Send a message and return what came of it, however long that takes.

        Raises:
            A2AAgentBrokenError, CallFailedError, TaskNeededError, OutboundErrors
        """
        async with self._talking(errand, call.report, call.timeout_s) as talk:
            try:
                return _result(await talk.conclude(message))
            except asyncio.CancelledError:
                await talk.call_off()
                raise

    async def turn(self, errand: Errand, message: TaskMessage, report: Callable[[Progress], None]) -> Turn:
        """Say a message of a task to its agent, or go on with what an earlier try said; returns when it is our turn.

        Raises:
            A2AAgentBrokenError, OutboundErrors
        """
        async with self._talking(errand, report) as talk:
            return _turn(await talk.conclude(message))

    async def look(self, errand: Errand, remote_id: str) -> Turn | None:
        """Return how a remote task stands now; None where the agent has forgotten it.

        Raises:
            A2AAgentBrokenError, OutboundErrors
        """
        async with self._talking(errand, lambda _progress: None, _LOOK_S) as talk:
            found = await talk.look(remote_id)
        return None if found is None else _turn(found)

    async def call_off(self, errand: Errand, remote_id: str) -> None:
        """Tell the agent that its task is no longer wanted; it need not answer."""
        async with self._talking(errand, lambda _progress: None) as talk:
            talk.task_id = remote_id
            await talk.call_off()

    @asynccontextmanager
    async def _talking(
        self, errand: Errand, report: Callable[[Progress], None], timeout_s: float = math.inf
    ) -> "AsyncIterator[_Talk]":
        used = remote.interface_of(errand.card)
        headers = errand.headers if remote.may_have_headers(errand.url, used) else {}
        async with self._client(used, errand, headers, timeout_s) as client:
            try:
                yield _Talk(errand, client, report, self._outbound.guard.settings.max_bytes)
            except A2AError as error:
                raise A2AAgentBrokenError(f"{errand.agent!r}: {error.message}") from None
            except (httpx.HTTPError, ParseError, ValueError, KeyError, TypeError) as error:
                raise A2AAgentBrokenError(f"{errand.agent!r}: {type(error).__name__}: {error}") from None

    @asynccontextmanager
    async def _client(
        self, used: Mapping[str, Any], errand: Errand, headers: Mapping[str, str], timeout_s: float
    ) -> AsyncIterator[Client]:
        """Open a client of the one binding that is used; all of its lines go through the door out."""
        card = parse_agent_card({**errand.card})
        if used["protocolBinding"] != remote.GRPC:
            async with self._http(headers, timeout_s) as http:
                spoken = [one for one in remote.BINDINGS if one != remote.GRPC]
                config = ClientConfig(httpx_client=http, supported_protocol_bindings=spoken)
                yield ClientFactory(config).create(card)
            return
        target = remote.grpc_target(str(used["url"]))
        assert target is not None
        timeout_s = min(timeout_s, self._outbound.guard.settings.total_s)
        channel = await open_channel(self._outbound.guard, target, headers, timeout_s)
        try:
            kept = [one for one in card.supported_interfaces if one.url == used["url"]]
            del card.supported_interfaces[:]
            card.supported_interfaces.extend(kept)
            config = ClientConfig(
                supported_protocol_bindings=[remote.GRPC], grpc_channel_factory=lambda _url: channel
            )  # fmt: skip
            yield ClientFactory(config).create(card)
        finally:
            await channel.close()

    def _http(self, headers: Mapping[str, str], timeout_s: float) -> httpx.AsyncClient:
        settings = self._outbound.guard.settings
        transport = _Capped(httpx_transport(self._outbound.guard), settings.max_bytes)
        timeout = httpx.Timeout(min(timeout_s, settings.total_s), connect=settings.connect_s)
        return httpx.AsyncClient(transport=transport, headers=dict(headers), timeout=timeout, trust_env=False)


class _Talk:
    """One message to a remote agent, and the task that may come of it."""

    def __init__(self, errand: Errand, client: Client, report: Callable[[Progress], None], max_bytes: int) -> None:
        self.task_id = ""
        self._client = client
        self._errand = errand
        self._report = report
        self._max_bytes = max_bytes
        self._question: pb.TaskStatus | None = None
        """What the agent asked before this turn."""
        self._is_noted = False

    async def conclude(self, message: TaskMessage) -> pb.Message | pb.Task:
        """Return the outcome; a task that an earlier try began is gone on with, one that waits is answered."""
        self.task_id = await self._errand.begun() or ""
        if not self.task_id:
            answer = await self._begin_or_reply(message)
            if answer is not None:
                return answer
        return await self._outcome()

    async def _begin_or_reply(self, message: TaskMessage) -> pb.Message | None:
        said = words.message(message, "")
        waiting = await self._errand.waiting()
        if waiting is None:
            return await self._say(said)
        task = await self._client.get_task(pb.GetTaskRequest(id=waiting))
        self.task_id = waiting
        if task.status.state in _ASKS and all(one.message_id != message.id for one in task.history):
            said.task_id, said.context_id = task.id, task.context_id
            self._question = task.status
            return await self._say(said)
        await self._note()  # it went on by itself, or an earlier try has said it
        return None

    async def look(self, task_id: str) -> pb.Task | None:
        try:
            return await self._client.get_task(pb.GetTaskRequest(id=task_id))
        except TaskNotFoundError:
            return None

    async def call_off(self) -> None:
        """Tell the remote agent that its task is no longer wanted; it need not answer."""
        if self.task_id:
            with contextlib.suppress(A2AError, httpx.HTTPError, TimeoutError, OutboundTooLargeError):
                async with asyncio.timeout(_CANCEL_S):
                    await self._client.cancel_task(pb.CancelTaskRequest(id=self.task_id))

    async def _say(self, message: pb.Message) -> pb.Message | None:
        """Send the message; returns the answer if it is one, and listens to the task's stream while that lasts."""
        sent = pb.SendMessageRequest(message=message)
        sent.configuration.return_immediately = True
        heard = 0
        try:
            async for event in self._client.send_message(sent):
                heard += event.ByteSize()
                if heard > self._max_bytes:
                    raise OutboundTooLargeError(f"The agent's stream is larger than {self._max_bytes:,} bytes")
                if event.HasField("message"):
                    return event.message
                if await self._heard(event):
                    return None
        except (A2AError, httpx.HTTPError):
            if not self._is_noted:
                raise
        if not self._is_noted:
            raise A2AAgentBrokenError(f"{self._errand.agent!r} answered with neither message nor task")
        return None

    async def _heard(self, event: pb.StreamResponse) -> bool:
        """Take in one event of a stream; whether the task has come to its end, or to its caller."""
        if not self._is_noted and (event.HasField("task") or self.task_id):
            self.task_id = self.task_id or event.task.id
            await self._note()
        status = event.task.status if event.HasField("task") else event.status_update.status
        text = "\n".join(part.text for part in status.message.parts if part.text)
        if text:
            self._report(Progress(fraction=0.0, message=text))
        return self._is_over(status)

    async def _note(self) -> None:
        await self._errand.note(self.task_id)
        self._is_noted = True

    def _is_over(self, status: pb.TaskStatus) -> bool:
        """Whether a task has ended, or asks something; not what it asked before it was answered."""
        return status.state in _ENDED or (status.state in _ASKS and status != self._question)

    async def _outcome(self) -> pb.Task:
        """Return what came of the task, asking for it until it has ended; a broken line is no answer."""
        delay, failures = _POLL_MIN_S, 0
        while True:
            try:
                task = await self._client.get_task(pb.GetTaskRequest(id=self.task_id))
            except TaskNotFoundError:
                raise
            except (A2AError, httpx.HTTPError):
                failures += 1
                if failures >= _FAILURES:
                    raise
            else:
                failures = 0
                if task.id and task.id != self.task_id:
                    raise A2AAgentBrokenError(f"{self._errand.agent!r} answered for another task than was asked for")
                if self._is_over(task.status):
                    return task
            await asyncio.sleep(delay)
            delay = min(delay * 1.5, _POLL_MAX_S)


class _Capped(httpx.AsyncBaseTransport):
    """Bounds streams too: what the guard bounds is everything else."""

    def __init__(self, inner: httpx.AsyncBaseTransport, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-type", "").startswith(_STREAM):
            response.stream = _CappedStream(response.stream, self._limit)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _CappedStream(httpx.AsyncByteStream):
    def __init__(self, inner: Any, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self._inner:
            seen += len(chunk)
            if seen > self._limit:
                raise OutboundTooLargeError(f"The agent's stream is larger than {self._limit:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def _turn(found: pb.Message | pb.Task) -> Turn:
    if isinstance(found, pb.Message):
        made = Artifact(
            id=found.message_id or "result", name="result", parts=[words.part_of(one) for one in found.parts]
        )
        return Turn(state="completed", artifacts=[made])
    status = found.status
    return Turn(
        state=words.STATE_NAMES[status.state], said=words.spoken(status.message) if status.message.parts else None,
        artifacts=[words.artifact_of(one) for one in found.artifacts],
    )  # fmt: skip


def _result(task: pb.Message | pb.Task) -> Any:
    if isinstance(task, pb.Message):
        return _output(task.parts)
    told = "\n".join(part.text for part in task.status.message.parts if part.text)
    if task.status.state in _ASKS:
        raise TaskNeededError(f"The remote agent asks: {told}")
    if task.status.state != pb.TASK_STATE_COMPLETED:
        state = words.STATE_NAMES.get(task.status.state, "failed")
        raise CallFailedError(f"The remote task is {state}: {told}" if told else f"The remote task is {state}")
    if len(task.artifacts) == 1:
        return _output(task.artifacts[0].parts)
    if task.artifacts:
        return {"artifacts": [MessageToDict(one) for one in task.artifacts]}
    return _output(task.status.message.parts)


def _output(parts: Any) -> Any:
    """Return what parts hold as a skill's output: one text or piece of data as such, all else as parts."""
    found = [words.part_of(part) for part in parts]
    texts = [part.text for part in found]
    if found and all(text is not None for text in texts):
        return "\n".join(text or "" for text in texts)
    if len(found) == 1 and parts[0].WhichOneof("content") == "data":
        return found[0].data
    return [MessageToDict(part) for part in parts] or None
