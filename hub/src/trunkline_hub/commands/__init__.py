"""The hub's own commands, added to `trunkline` through an entry point; each loads only what it needs."""
