"""The door to operators' tools: structured logs and Prometheus metrics."""
