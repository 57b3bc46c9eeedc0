"""`python -m trunkline.cli`: the command line without its launcher script."""

from trunkline.cli import main

main()
