"""What a feature hands to the composition root."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trunkline_hub.core.component import Component
from trunkline_hub.core.metrics import Gauges


@dataclass(frozen=True, kw_only=True)
class Feature:
    """Routes to serve, components to run, permissions that may be granted."""

    name: str
    routes: Sequence[Any] = ()
    quick: Sequence[Any] = ()
    """Operations that may be answered past the framework (`web.quick.QuickRoute`)."""
    components: Sequence[Component] = ()
    services: Mapping[str, object] = field(default_factory=dict)
    """What its routes are given, by parameter name, where nobody else needs it."""
    jobs: Mapping[str, Any] = field(default_factory=dict)
    """Kind of long job to the work it does (`jobs.Work`)."""
    gauges: Sequence[Gauges] = ()
    """What it shows to metrics, asked at each scrape."""
    permissions: Mapping[str, str] = field(default_factory=dict)
    """Permission `noun:verb` to one sentence on what it lets do."""
