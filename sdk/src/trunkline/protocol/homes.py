"""Where a message may go back to: the place its reader reads, and no other.

Whoever reads a queue or follows as a group may write its dead letters and put
messages off, and says where each came from. The hub checks that word here
before it carries anything, so that a reader cannot have it write elsewhere.
"""

import re

from trunkline.protocol import subjects
from trunkline.protocol.subjects import Lane

_SUBJECT = re.compile(r"[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)+")


def home(workspace: str, lane: Lane, reader: str, subject: str) -> str | None:
    """Return where `reader` gets the message of `subject` again; None where it never read from there.

    A queue's message goes back to its queue, an event to the one group and not
    into the log, which the others have handled.
    """
    place = f"{subjects.ROOT}.{workspace}"
    name = subjects.token(reader)
    again = f"{place}.redrive.{name}."
    queue = (f"{place}.tasks.{name}.", f"{place}.limited.{name}.")
    if not _SUBJECT.fullmatch(subject) or not subject.startswith(
        queue if lane == "queue" else (f"{place}.events.", again)
    ):
        return None
    return subject if lane == "queue" or subject.startswith(again) else subjects.redrive_event(subject, reader)
