"""The past of the event log, read again: live readings, replays to groups and files, exports."""

from trunkline_hub.replays.service import Replays

__all__ = ["Replays"]
