"""`trunkline …`: the command line. It uses the public API only.

A hub installed beside it adds `serve`, `demo` and `doctor` through the entry
point group `trunkline.commands`.
"""

from trunkline.cli.agents import agents, call
from trunkline.cli.dead import dead
from trunkline.cli.events import publish, query, tail
from trunkline.cli.queues import queues
from trunkline.cli.root import main, tree
from trunkline.cli.tokens import signin, tokens, whoami

for _command in (agents, call, dead, publish, query, tail, queues, signin, tokens, whoami):
    tree.add_command(_command)

__all__ = ["main"]
