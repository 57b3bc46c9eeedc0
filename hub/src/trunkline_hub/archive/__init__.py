"""What leaves the event log, in compressed files: written before it goes, read back where it is asked for."""

from trunkline_hub.archive.service import Archives, Exporter

__all__ = ["Archives", "Exporter"]
