"""`trunkline demo`: three agents at work on the commit history of a git repository.

`classifier.py`, `statistics.py` and `release_notes.py` are ordinary agents:
they use the SDK alone and run as processes of their own. `driver.py` starts
them, feeds them and reports.
"""
