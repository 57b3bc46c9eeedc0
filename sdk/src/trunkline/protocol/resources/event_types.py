"""The catalogue of event types, its rules, and the events that broke them."""

from typing import Any, Literal

import msgspec

from trunkline.protocol.errors import FieldError

Compatibility = Literal[
    "backward", "backward_transitive", "forward", "forward_transitive", "full", "full_transitive", "none"
]
"""Who must be able to read whom when a version is added: `backward` = the new schema reads data of the version
before it, `forward` = the version before reads data of the new one, `full` = both; transitive = of all versions."""
Reading = Literal["strict", "lenient"]
"""`strict` = properties that a schema does not declare count as it says; `lenient` = they are neither sent nor minded."""
Policy = Literal["open", "warn", "enforce"]
"""`open` = not checked; `warn` = recorded in the quarantine; `enforce` = refused where possible, else quarantined."""
Unknown = Literal["allow", "refuse"]


class EventTypeDeclaration(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An event type as somebody declares it; what is left out stays, or takes the default."""

    description: str | None = None
    owner: str | None = None
    tags: list[str] | None = None
    samples: list[Any] | None = None
    """Example payloads; each must fit the newest version."""
    compatibility: Compatibility | None = None
    reading: Reading | None = None
    policy: Policy | None = None
    deprecated: bool | None = None
    schema: dict[str, Any] | None = None
    """Becomes a new version unless it equals one."""
    note: str = ""
    """What the new version is about."""


class NewEventTypeVersion(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A schema to add, with samples for it where those of the type no longer fit."""

    schema: dict[str, Any]
    note: str = ""
    samples: list[Any] | None = None


class EventTypeVersionChange(msgspec.Struct, kw_only=True):
    """A deprecated version is no longer accepted from senders; readers still take it."""

    deprecated: bool


class EventTypeVersion(msgspec.Struct, kw_only=True):
    """One version of an event type's schema. `dataschema` is what events carry to name it."""

    type: str
    number: int
    schema: dict[str, Any]
    dataschema: str
    fingerprint: str
    author: str
    note: str
    created_at: str
    deprecated_at: str | None = None


class EventTypeVersionPage(msgspec.Struct, kw_only=True):
    items: list[EventTypeVersion]
    next: str | None = None


class Producer(msgspec.Struct, kw_only=True):
    """Who publishes a type: an agent that says so, a principal that was seen doing it, or both."""

    principal: str | None = None
    agent: str | None = None
    declared: bool = False
    observed: bool = False
    first_seen_at: str | None = None
    last_seen_at: str | None = None
    count: int = 0
    """Events seen on the days still on record."""


class Consumer(msgspec.Struct, kw_only=True):
    """Who reads a type: an event group or a queue, and the agents that work for it."""

    lane: Literal["queue", "group"]
    name: str
    patterns: list[str] = []
    agents: list[str] = []


class DayCount(msgspec.Struct, kw_only=True):
    day: str
    count: int


class EventType(msgspec.Struct, kw_only=True):
    """An event type. One that was only seen, never declared, has `declared` false and no versions."""

    name: str
    declared: bool
    description: str = ""
    owner: str = ""
    tags: list[str] = []
    samples: list[Any] = []
    compatibility: Compatibility = "backward"
    reading: Reading = "lenient"
    policy: Policy = "open"
    versions: int = 0
    """How many there are."""
    newest: int | None = None
    """Number of the newest version."""
    created_at: str | None = None
    updated_at: str | None = None
    deprecated_at: str | None = None
    first_seen_at: str | None = None
    last_seen_at: str | None = None
    count: int = 0
    """Events seen on the days still on record."""
    quarantined: int = 0
    """Events of this type in the quarantine."""


class EventTypePage(msgspec.Struct, kw_only=True):
    items: list[EventType]
    next: str | None = None


class EventTypeDetail(msgspec.Struct, kw_only=True):
    """An event type with who publishes and who consumes it, and its newest schema."""

    type: EventType
    schema: dict[str, Any] | None = None
    producers: list[Producer] = []
    consumers: list[Consumer] = []
    days: list[DayCount] = []


class CompatibilityCheck(msgspec.Struct, kw_only=True):
    """A schema to try; mode and reading are the type's own unless given."""

    schema: dict[str, Any]
    compatibility: Compatibility | None = None
    reading: Reading | None = None


class Incompatibility(msgspec.Struct, kw_only=True):
    """One reason why a schema cannot follow: where in the new schema, and what about it."""

    pointer: str
    detail: str
    direction: Literal["backward", "forward"]
    version: int
    """The version it was compared with."""


class CompatibilityReport(msgspec.Struct, kw_only=True):
    compatible: bool
    compatibility: Compatibility
    reading: Reading
    equals: int | None = None
    """Number of the version that is the same already."""
    problems: list[Incompatibility] = []


class ValidationRequest(msgspec.Struct, kw_only=True):
    """A payload to try against one version, or against all that senders may use."""

    data: Any
    version: int | None = None


class ValidationReport(msgspec.Struct, kw_only=True):
    valid: bool
    version: int | None = None
    """The version it fits; where none does, the one that `errors` are about."""
    errors: list[FieldError] = []


class VersionRule(msgspec.Struct, kw_only=True):
    """A schema as payloads are held against it."""

    number: int
    schema: dict[str, Any]
    live: bool = True
    """Whether senders may still use it."""


class TypeRule(msgspec.Struct, kw_only=True):
    """What payloads of one type must look like, newest version first."""

    name: str
    policy: Policy
    versions: list[VersionRule]


class EventTypeRules(msgspec.Struct, kw_only=True):
    """What the workspace holds events against: the enforced types, and what becomes of unknown ones."""

    revision: int
    unknown: Unknown
    types: list[TypeRule] = []


class EventTypeRulesChange(msgspec.Struct, kw_only=True):
    """What becomes of events of undeclared types that come through the hub."""

    unknown: Unknown


class QuarantinedEvent(msgspec.Struct, kw_only=True):
    """An event that lies in the log though it does not fit its type; groups that are told so leave it out."""

    id: str
    seq: int
    type: str
    sender: str
    message_id: str
    policy: Policy
    reasons: list[FieldError]
    at: str


class QuarantinePage(msgspec.Struct, kw_only=True):
    items: list[QuarantinedEvent]
    next: str | None = None
