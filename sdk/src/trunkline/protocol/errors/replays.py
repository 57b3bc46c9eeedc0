"""Replays, retention and the archive of the event log."""

from trunkline.protocol.errors.base import ConflictError, NotFoundError, UnavailableError


class GroupExistsError(ConflictError):
    code = "group.exists"
    title = "The group exists already"
    remedy = "Replay to it as an existing group, or choose another name."


class KeepUnknownError(NotFoundError):
    code = "keep.unknown"
    title = "No types are kept under this name"
    remedy = "List them with `trunkline events retention show`."


class ReplayFileUnknownError(NotFoundError):
    code = "replay.no_file"
    title = "This replay has no file here"
    remedy = "Replay with `target: file`, wait until it has completed, and ask the hub that made it."


class ReplayFilesOffError(ConflictError):
    code = "replay.files_off"
    title = "This hub keeps no files"
    remedy = "Set `replays.directory`, or stream the events with `trunkline events export --out`."


class ArchiveDamagedError(UnavailableError):
    code = "archive.damaged"
    title = "A file of the archive is missing or damaged"
    remedy = "`trunkline events verify` names it; bring it back from a copy."


class LogDamagedError(ConflictError):
    code = "log.damaged"
    title = "The event log is damaged"
    remedy = "The findings name what is missing; restore it from a replica, the archive or a backup."
