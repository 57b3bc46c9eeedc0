"""What is done with agents: registering and calling, finding, watching, importing."""

from trunkline_hub.agents.service.catalogue import Agents, Crews, check_input
from trunkline_hub.agents.service.finding import Finder, wanted_of
from trunkline_hub.agents.service.importing import Imports
from trunkline_hub.agents.service.watching import Watching

__all__ = ["Agents", "Crews", "Finder", "Imports", "Watching", "check_input", "wanted_of"]
