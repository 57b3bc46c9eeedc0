"""Scripts for this repository only."""
