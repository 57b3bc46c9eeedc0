"""What a workspace holds events against, compiled."""

from dataclasses import dataclass

from trunkline.protocol.resources import Unknown
from trunkline.rules import TypeCheck


@dataclass(frozen=True, kw_only=True)
class RuleBook:
    """The rules of one workspace at one revision."""

    revision: int
    unknown: Unknown
    declared: frozenset[str]
    checks: dict[str, TypeCheck]
    """The types whose events are looked at: policy `warn` or `enforce`, with a schema."""
