"""Whether the event log is whole: everything read once, in the log, what is kept longer, and the archive."""

from trunkline_hub.integrity.service import Verifier, Witness

__all__ = ["Verifier", "Witness"]
