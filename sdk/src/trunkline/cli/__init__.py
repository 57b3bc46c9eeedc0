"""`trunkline …`: the command line. It uses the public API only.

A hub installed beside it adds `serve`, `demo` and `doctor` through the entry
point group `trunkline.commands`.
"""

from trunkline.cli.root import main

__all__ = ["main"]
