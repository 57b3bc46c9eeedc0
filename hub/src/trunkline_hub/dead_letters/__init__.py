"""What nobody could process: kept, explained, sent again."""

from trunkline_hub.dead_letters.service import DeadLetters

__all__ = ["DeadLetters"]
