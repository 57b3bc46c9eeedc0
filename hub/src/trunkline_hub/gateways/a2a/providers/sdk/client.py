"""Asking A2A agents elsewhere, through the guarded door out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
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
from trunkline.protocol.tasks import TaskMessage
from trunkline_hub.bus.host import CallInfo
from trunkline_hub.gateways.a2a.model import remote
from trunkline_hub.gateways.a2a.ports import Errand
from trunkline_hub.gateways.a2a.providers.sdk import words
from trunkline_hub.outbound import Outbound
from trunkline_hub.outbound.transports import httpx_transport

_WELL_KNOWN = "/.well-known/agent-card.json"
_ENDED = {pb.TASK_STATE_COMPLETED, pb.TASK_STATE_FAILED, pb.TASK_STATE_CANCELED, pb.TASK_STATE_REJECTED}
_ASKS = {pb.TASK_STATE_INPUT_REQUIRED, pb.TASK_STATE_AUTH_REQUIRED}
_POLL_MIN_S, _POLL_MAX_S = 0.2, 5.0
_CANCEL_S = 5.0
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
        talk = _Talk(errand, call)
        async with self._http(errand, call.timeout_s) as http:
            try:
                talk.client = _client(errand, http)
                return await talk.result(message)
            except asyncio.CancelledError:
                await talk.call_off()
                raise
            except A2AError as error:
                raise A2AAgentBrokenError(f"{errand.agent!r}: {error.message}") from None
            except (httpx.HTTPError, ParseError, ValueError, KeyError, TypeError) as error:
                raise A2AAgentBrokenError(f"{errand.agent!r}: {type(error).__name__}: {error}") from None

    def _http(self, errand: Errand, timeout_s: float) -> httpx.AsyncClient:
        own = remote.is_same_origin(errand.url, str(remote.interface_of(errand.card)["url"]))
        settings = self._outbound.guard.settings
        transport = _Capped(httpx_transport(self._outbound.guard), settings.max_bytes)
        timeout = httpx.Timeout(min(timeout_s, settings.total_s), connect=settings.connect_s)
        return httpx.AsyncClient(
            transport=transport, headers=dict(errand.headers) if own else {}, timeout=timeout, trust_env=False
        )


class _Talk:
    """One message to a remote agent, and the task that may come of it."""

    def __init__(self, errand: Errand, call: CallInfo) -> None:
        self.client: Client | None = None
        self._errand = errand
        self._call = call
        self._task_id = ""

    async def result(self, message: TaskMessage) -> Any:
        """Return the outcome; a task that an earlier try began is gone on with."""
        self._task_id = await self._errand.begun() or ""
        if not self._task_id:
            answer = await self._say(message)
            if answer is not None:
                return _output(answer.parts)
        return await self._outcome()

    async def call_off(self) -> None:
        """Tell the remote agent that its task is no longer wanted; it need not answer."""
        if self.client is not None and self._task_id:
            with contextlib.suppress(A2AError, httpx.HTTPError, TimeoutError, OutboundTooLargeError):
                async with asyncio.timeout(_CANCEL_S):
                    await self.client.cancel_task(pb.CancelTaskRequest(id=self._task_id))

    async def _say(self, message: TaskMessage) -> pb.Message | None:
        """Send the message; returns the answer if it is one, and listens to the task's stream while that lasts."""
        assert self.client is not None
        sent = pb.SendMessageRequest(message=words.message(message, ""))
        sent.configuration.return_immediately = True
        try:
            async for event in self.client.send_message(sent):
                if event.HasField("message"):
                    return event.message
                if await self._heard(event):
                    return None
        except (A2AError, httpx.HTTPError):
            if not self._task_id:
                raise
        if not self._task_id:
            raise A2AAgentBrokenError(f"{self._errand.agent!r} answered with neither message nor task")
        return None

    async def _heard(self, event: pb.StreamResponse) -> bool:
        """Take in one event of a stream; whether the task has come to its end, or to its caller."""
        if event.HasField("task") and not self._task_id:
            self._task_id = event.task.id
            await self._errand.note(self._task_id)
        status = event.task.status if event.HasField("task") else event.status_update.status
        text = "\n".join(part.text for part in status.message.parts if part.text)
        if text:
            self._call.report(Progress(fraction=0.0, message=text))
        return status.state in _ENDED | _ASKS

    async def _outcome(self) -> Any:
        """Return what came of the task, asking for it until it has ended; a broken line is no answer."""
        assert self.client is not None
        delay, failures = _POLL_MIN_S, 0
        while True:
            try:
                task = await self.client.get_task(pb.GetTaskRequest(id=self._task_id))
            except TaskNotFoundError:
                raise
            except (A2AError, httpx.HTTPError):
                failures += 1
                if failures >= _FAILURES:
                    raise
            else:
                failures = 0
                if task.id and task.id != self._task_id:
                    raise A2AAgentBrokenError(f"{self._errand.agent!r} answered for another task than was asked for")
                if task.status.state in _ENDED | _ASKS:
                    return _result(task)
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


def _client(errand: Errand, http: httpx.AsyncClient) -> Client:
    card = parse_agent_card(dict(errand.card))
    config = ClientConfig(httpx_client=http, supported_protocol_bindings=list(remote.BINDINGS))
    return ClientFactory(config).create(card)


def _result(task: pb.Task) -> Any:
    told = "\n".join(part.text for part in task.status.message.parts if part.text)
    if task.status.state in _ASKS:
        raise TaskNeededError(f"The remote agent asks, and cannot be answered from here: {told}")
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
