"""What a balancer knows, for logs, tests and metrics."""

import msgspec


class InstanceStatistics(msgspec.Struct, kw_only=True):
    """One instance, as this caller knows it."""

    agent: str
    instance: str
    version: str
    state: str
    """What the hub said of it last."""
    weight: float
    outstanding: int
    requests: int
    failures: int
    """Timeouts, deaths and silences; not what handlers raised."""
    latency_ms: float
    """Moving average; 0 where nothing came back yet."""
    ejections: int
    ejected_s: float
    """How much longer it is sent nothing; 0 where it is not ejected."""
    is_deaf: bool


class SkillStatistics(msgspec.Struct, kw_only=True):
    """One skill, as this caller knows it."""

    skill: str
    is_known: bool
    """Whether the hub has told who offers it; else the broker chooses."""
    policy: str
    idempotent: bool
    breaker: str
    """`closed`, `open` or `half_open`; of several callers the worst."""
    retry_tokens: float
    p95_ms: float
    calls: int
    unbalanced: int
    """Sent to whoever the broker chose."""
    retries: int
    hedges: int
    failovers: int
    refused: int
    """Refused at once by an open circuit."""
    cancelled: int
    instances: list[InstanceStatistics]
