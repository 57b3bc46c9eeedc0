"""What is too large for a message: blobs in the object store, written and read as streams."""

from trunkline_hub.blobs.service import Blobs

__all__ = ["Blobs"]
