"""Where a queue's messages go, and how a sender waits for room.

A sender asks the hub for a queue's settings at first use and computes subjects
itself from then on; a settings' change reaches it by the hub's word, or within
a minute. While the hub is away, what is known stays good.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from nats.aio.msg import Msg

from trunkline.connection import Bus
from trunkline.http import HttpApi, segment
from trunkline.later import Later, is_later, moment
from trunkline.protocol import envelope as ce
from trunkline.protocol import queueing, subjects
from trunkline.protocol.binary import quote
from trunkline.protocol.errors import NotFoundError, QueueClassUnknownError, QueueFullError, UnavailableError
from trunkline.protocol.expiry import expirytime
from trunkline.protocol.frames import HEADER_DEDUPE_KEY, Ack
from trunkline.protocol.queueing import NORMAL, Layout
from trunkline.rest import QueuesApi
from trunkline.tasks import Tasks

FRESH_S = 60.0
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 1.0


class EnqueueOptions(Later, total=False):
    """How a message waits in its queue.

    - `priority`: a class of the queue.
    - `dedupe_key`: a second message with this key, within the queue's window, is not stored; its sender gets the
      first one's id with `duplicate` set. Goes through the hub.
    - `expires_in_s`, `expires_at`: not run after that; dead-lettered as `expired`. The seconds of a message
      that is sent for later begin when it enters the queue.
    - `wait_s`: while the queue is full, try again for this long before QueueFullError.
    """

    priority: str | None
    dedupe_key: str | None
    expires_in_s: float | None
    expires_at: datetime | str | None
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class Target:
    """A queue as its senders know it."""

    queue: str
    layout: Layout
    stream: str
    subject: str
    """Where a message goes that says nothing about priority, when there are no partitions."""
    expires_after_s: float
    fresh_until: float

    @property
    def is_plain(self) -> bool:
        """Whether every message without options of its own goes to `subject` as it is."""
        return not self.layout.per_key and not self.expires_after_s


class Targets:
    """The queues that one client has sent to."""

    def __init__(self, api: QueuesApi, workspace: str) -> None:
        self._api = api
        self._workspace = workspace
        self._known: dict[str, Target] = {}
        self._tasks = Tasks()
        self._asking: dict[str, asyncio.Task[Target]] = {}
        self._renewing: set[str] = set()
        self._is_listening = False
        self._who: tuple[Bus, str] | None = None

    def get(self, queue: str) -> Target | None:
        """Return what is known already; what is old is renewed meanwhile."""
        target = self._known.get(queue)
        if target is not None and target.fresh_until < time.monotonic() and queue not in self._renewing:
            self._renewing.add(queue)
            self._tasks.spawn(self._renew(queue), name="queue-settings")
        return target

    async def find(self, queue: str, bus: Bus, principal: str) -> Target:
        """Ask the hub; those who want to know the same at once ask once.

        Raises:
            QueueUnknownError: nobody declared the queue.
        """
        asking = self._asking.get(queue)
        if asking is None:
            asking = self._tasks.spawn(self._ask(queue, bus, principal), name="queue-settings", awaited=True)
            self._asking[queue] = asking
            asking.add_done_callback(lambda _done: self._asking.pop(queue, None))
        return await asyncio.shield(asking)

    async def _ask(self, queue: str, bus: Bus, principal: str) -> Target:
        if not self._is_listening:
            self._is_listening = True
            await bus.subscribe(subjects.changed(self._workspace, "queue"), self._on_changed)
        wanted = await self._api.declaration(queue)
        layout = queueing.layout(wanted, wanted.page)
        target = self._known[queue] = Target(
            queue=queue,
            layout=layout,
            stream=queueing.stream(self._workspace, queue, layout),
            subject=queueing.address(self._workspace, queue, (layout.root, NORMAL, 0), principal),
            expires_after_s=wanted.expires_after_s or 0.0,
            fresh_until=time.monotonic() + FRESH_S,
        )
        self._who = bus, principal
        return target

    async def close(self) -> None:
        """Stop renewing."""
        await self._tasks.close()

    async def _renew(self, queue: str) -> None:
        assert self._who is not None
        try:
            await self.find(queue, *self._who)
        except NotFoundError:
            self._known.pop(queue, None)
        except UnavailableError:
            pass
        finally:
            self._renewing.discard(queue)

    async def _on_changed(self, msg: Msg) -> None:
        self._known.pop(subjects.untoken(msg.subject.rsplit(".", 1)[1]), None)


def prepare(message: ce.Envelope, target: Target, options: EnqueueOptions) -> None:
    """Write into the message what its options and its queue say.

    Raises:
        QueueClassUnknownError, EnvelopeInvalidError
    """
    priority = options.get("priority")
    if priority is not None and priority not in target.layout.classes:
        known = ", ".join(sorted(target.layout.classes))
        raise QueueClassUnknownError(f"The queue {target.queue!r} has no class {priority!r}; it has {known}")
    message.priority = priority
    in_s, at, default_s = options.get("expires_in_s"), options.get("expires_at"), target.expires_after_s
    if is_later(options):  # only the hub knows when that is
        in_s, default_s = None, 0.0
    message.expirytime = expirytime(in_s, at, default_s)


def subject_of(message: ce.Envelope, target: Target, workspace: str, principal: str) -> str:
    """Return where a prepared message goes."""
    place = queueing.place(target.layout, message.priority or NORMAL, message.partitionkey or message.id)
    return queueing.address(workspace, target.queue, place, principal)


def is_for_the_hub(options: EnqueueOptions) -> bool:
    """Whether the hub has to put the message in: it remembers keys, and what waits for its time."""
    return options.get("dedupe_key") is not None or is_later(options)


async def enqueue_by_hub(
    api: HttpApi, queue: str, message: ce.Envelope, packed: tuple[bytes, dict[str, str]], options: EnqueueOptions
) -> Ack:
    """Have the hub put a prepared message into its queue, in whichever mode it is packed.

    Raises:
        RequestInvalidError: the time is none or more than a year ahead, or the queue remembers no keys.
        QueueUnknownError, QueueDrainingError, QueueFullError, MessageTooLargeError, PermissionDeniedError,
        BusUnavailableError, ScheduleFullError
    """
    payload, headers = packed
    query = {
        "delay_s": options.get("delay_s"),
        "deliver_at": moment(options),
        "expires_in_s": options.get("expires_in_s") if message.expirytime is None else None,
    }
    dedupe_key = options.get("dedupe_key")
    if dedupe_key is not None:
        headers = headers | {HEADER_DEDUPE_KEY: quote(dedupe_key)}
    path = api.scoped(f"/queues/{segment(queue)}/messages")
    return await api.request("POST", path, Ack, query=query, body=payload, headers=headers)


async def patiently(send: Callable[[], Awaitable[Ack]], wait_s: float) -> Ack:
    """Send, and while the queue is full send again, for `wait_s` at most.

    Raises:
        QueueFullError: there was no room in all that time.
    """
    deadline = time.monotonic() + wait_s
    pause = _FIRST_WAIT_S
    while True:
        try:
            return await send()
        except QueueFullError:
            rest = deadline - time.monotonic()
            if rest <= 0:
                raise
            await asyncio.sleep(min(rest, pause * random.uniform(0.5, 1.5)))
            pause = min(pause * 2, _LONGEST_WAIT_S)
