"""Where a message may go back to: the place its reader reads, and no other.

Whoever reads a queue or follows as a group may write its dead letters and put
messages off, and says where each came from. The hub checks that word here
before it carries anything, so that a reader cannot have it write elsewhere.
"""

import re

from trunkline.protocol import queueing, subjects
from trunkline.protocol.subjects import Lane

_SUBJECT = re.compile(r"[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)+")


def home(workspace: str, lane: Lane, reader: str, subject: str) -> str | None:
    """Return where `reader` gets the message of `subject` again; None where it never read from there.

    A queue's message goes back to its queue, an event to the one group and not
    into the log, which the others have handled.
    """
    if not _SUBJECT.fullmatch(subject):
        return None
    if lane == "queue":
        return subject if _is_of_queue(workspace, reader, subject) else None
    place = f"{subjects.ROOT}.{workspace}"
    again = f"{place}.redrive.{subjects.token(reader)}."
    if not subject.startswith((f"{place}.events.", again)):
        return None
    return subject if subject.startswith(again) else subjects.redrive_event(subject, reader)


def _is_of_queue(workspace: str, queue: str, subject: str) -> bool:
    """Whether it is a subject of the queue: of whichever class and partition, in whichever stream.

    Where the queue lies now, the hub looks up when it stores the message.
    """
    try:
        spot = queueing.spot(subject)
    except ValueError:  # too few words, or too many, or a name that is none
        return False
    return subject.startswith(f"{subjects.ROOT}.{workspace}.{spot.root}.{subjects.token(queue)}.")
