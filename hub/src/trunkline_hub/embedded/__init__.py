"""What `trunkline serve` needs on one machine: a place for its data, a private broker, watched children.

Used by the launcher alone; a hub on a cluster never loads it.
"""
