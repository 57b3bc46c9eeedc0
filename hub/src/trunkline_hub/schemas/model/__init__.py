"""Rules about event types and their schemas. Pure: no I/O, no clock."""
