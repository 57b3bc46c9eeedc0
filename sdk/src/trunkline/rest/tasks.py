"""Tasks over HTTP: long work, from its caller's side."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from trunkline.http import HttpApi, segment
from trunkline.payloads import encode
from trunkline.protocol.errors import HubUnreachableError
from trunkline.protocol.resources import Task, TaskCancel, TaskPage, TaskReply, TaskRequest, TaskStep
from trunkline.protocol.tasks import INTERRUPTED, TERMINAL, TaskJob
from trunkline.sse import messages

_RETRY_S = 0.5
_PATIENCE_S = 120.0
_SHAPES: dict[str, type[Task] | type[TaskStep]] = {"task": Task, "step": TaskStep}


class TasksApi:
    """Long work: started, followed, answered, called off."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def start(self, skill: str, input: Any = msgspec.UNSET, *, wait_s: float = 0.0, **options: Any) -> Task:  # noqa: A002 -- the A2A word
        """Start a task and return it as it stands: at once, or after `wait_s` unless it is done or waits before.

        Options: `agent`, `parts` (a message of several parts instead of an input), `context_id`, `message_id`,
        `metadata`.

        Raises:
            SkillUnknownError, PayloadInvalidError, TaskInputError, PermissionDeniedError, HubUnreachableError
        """
        wanted = TaskRequest(skill=skill, input=_plain(input), wait_s=wait_s, **options)
        return await self._api.post("/tasks", Task, wanted, timeout_s=wait_s + 30.0)

    async def run(self, skill: str, input: Any = msgspec.UNSET, **options: Any) -> Task:  # noqa: A002 -- as above
        """Start a task and return it when it has ended or waits for you, however long that takes."""
        return await self.wait((await self.start(skill, input, **options)).id)

    async def wait(self, task_id: str, *, timeout_s: float | None = None) -> Task:
        """Return a task once it has ended or waits for its caller.

        Raises:
            TimeoutError: it has not within `timeout_s`.
            TaskUnknownError, HubUnreachableError
        """
        async with asyncio.timeout(timeout_s):
            async for seen in self.follow(task_id):
                state = seen.status.state if isinstance(seen, Task) else seen.event.state
                if state in TERMINAL or state in INTERRUPTED:
                    break
            return await self.get(task_id)

    async def follow(self, task_id: str) -> AsyncIterator[Task | TaskStep]:
        """Yield the task as it stands, then each step of its course until it ends.

        Where the stream breaks it is taken up again at any hub: the task as it stands by then comes first.

        Raises:
            TaskUnknownError, PermissionDeniedError
            HubUnreachableError: no hub for two minutes.
        """
        loop = asyncio.get_running_loop()
        heard_at, seq = loop.time(), 0
        while True:
            try:
                async for seen in self._stream(task_id):
                    heard_at = loop.time()
                    if seen.seq > seq:
                        seq = seen.seq
                        yield seen
                    if isinstance(seen, Task) and seen.status.state in TERMINAL:
                        return
                    if isinstance(seen, TaskStep) and seen.event.state in TERMINAL:
                        return
            except HubUnreachableError:
                if loop.time() - heard_at > _PATIENCE_S:
                    raise
            await asyncio.sleep(_RETRY_S * random.uniform(0.5, 1.5))

    async def get(self, task_id: str) -> Task:
        """Return a task as it stands, or raise TaskUnknownError."""
        return await self._api.get(f"/tasks/{segment(task_id)}", Task)

    async def list(self, **filters: Any) -> TaskPage:
        """List tasks, those that changed last first; filters: `task_state`, `agent`, `skill`, `caller`, `context_id`,
        `limit`, `cursor`. Messages and artifacts are left out.
        """
        if "task_state" in filters:
            filters["state"] = filters.pop("task_state")
        return await self._api.get("/tasks", TaskPage, **filters)

    async def reply(self, task_id: str, input: Any = msgspec.UNSET, **options: Any) -> Task:  # noqa: A002 -- as above
        """Give a task the message that it waits for; options: `parts`, `message_id`, `metadata`.

        Raises:
            TaskUnknownError, TaskFinishedError, TaskBusyError
        """
        wanted = TaskReply(input=_plain(input), **options)
        return await self._api.post(f"/tasks/{segment(task_id)}/messages", Task, wanted)

    async def cancel(self, task_id: str, reason: str = "") -> Task:
        """Call a task off.

        Raises:
            TaskUnknownError, TaskFinishedError
        """
        return await self._api.post(f"/tasks/{segment(task_id)}/cancel", Task, TaskCancel(reason=reason))

    async def job(self, task_id: str, *, patience_s: float = 0.0) -> TaskJob:
        """Return what a worker of one's own agent needs to go on with a task; waits `patience_s` for a hub."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience_s
        while True:
            try:
                return await self._api.get(f"/tasks/{segment(task_id)}/job", TaskJob)
            except HubUnreachableError:
                if loop.time() >= deadline:
                    raise
                await asyncio.sleep(_RETRY_S)

    async def _stream(self, task_id: str) -> AsyncIterator[Task | TaskStep]:
        async for name, data in messages(self._api.stream(f"/tasks/{segment(task_id)}/events")):
            if name in _SHAPES:
                yield msgspec.json.decode(data, type=_SHAPES[name])


def _plain(value: Any) -> Any:
    return value if value is msgspec.UNSET else msgspec.json.decode(encode(value))
