"""Who offers a skill at this moment: what callers choose from.

Asked for over HTTP, then told on the bus whenever it changes, to those who
asked within the last minute or so. Made of the catalogue and of presence.
"""

from trunkline_hub.crews.service import SkillCrews

__all__ = ["SkillCrews"]
