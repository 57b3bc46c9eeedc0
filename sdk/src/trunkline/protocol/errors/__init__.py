"""The error catalogue: one tree, stable codes, RFC 9457 on the wire.

    TrunklineError
    ├── RequestError            what was sent is wrong
    │   ├── RequestMalformedError, RequestInvalidError, RequestTooLargeError,
    │   │   CursorInvalidError, MethodNotAllowedError, MediaTypeUnsupportedError, …
    │   ├── MessageError
    │   │   └── EnvelopeInvalidError, PayloadInvalidError, MessageTooLargeError,
    │   │       SkillSchemaInvalidError, …
    │   └── ConflictError
    │       └── AgentOwnedError, DeadLetterRedrivenError, QueueInUseError, IdempotencyInProgressError, …
    ├── AccessError             who asks, or may they
    │   └── TokenMissingError, TokenInvalidError, TokenExpiredError,
    │       PermissionDeniedError, CrossSiteError, SigninLinkInvalidError
    ├── NotFoundError           what is named does not exist
    │   └── RouteUnknownError, WorkspaceUnknownError, QueueUnknownError, SkillUnknownError, …
    ├── UnavailableError        try again later
    │   └── AgentOfflineError, BusUnavailableError, QueueFullError, HubUnreachableError,
    │       ClientClosedError, …
    ├── CallError               the other side answered, badly or not at all
    │   └── CallFailedError, CallTimeoutError, CallCancelledError, SkillUnboundError, RunLimitError
    ├── SetupError              this machine is not ready for it
    │   └── PortTakenError, DataInUseError, DataNotWritableError, ContextMissingError, …
    ├── OutboundError           what the hub asked elsewhere on somebody's word
    │   └── OutboundRefusedError, OutboundUnreachableError, OutboundTimeoutError, OutboundTooLargeError
    ├── McpUpstreamBrokenError, A2AAgentBrokenError, A2ACardError
    └── InternalError

Every class states its `code`, HTTP `status`, `title` and `remedy`; the pages
and `contracts/errors.json` are generated from them. One file a noun; `base.py` has the branches.
"""

from collections.abc import Sequence
from itertools import chain
from types import ModuleType

from trunkline.protocol.errors import (
    a2a,
    access,
    adapters,
    agents,
    base,
    blobs,
    control,
    event_types,
    handlers,
    idempotency,
    jobs,
    mcp,
    message,
    outbound,
    queues,
    reach,
    replays,
    request,
    routes,
    schedules,
    setup,
    tasks,
    traces,
)
from trunkline.protocol.errors.a2a import (
    A2AAgentBrokenError,
    A2AAgentExistsError,
    A2AAgentUnknownError,
    A2ACardError,
    A2AContentTypeError,
    A2AExtensionError,
    A2AOperationError,
    A2APushUnknownError,
    A2ASignatureError,
)
from trunkline.protocol.errors.access import (
    AccessError,
    CrossSiteError,
    PermissionDeniedError,
    SigninLinkInvalidError,
    TokenExpiredError,
    TokenInvalidError,
    TokenMissingError,
    TokenUnknownError,
    WorkspaceUnknownError,
)
from trunkline.protocol.errors.adapters import (
    AgentRefusedError,
    FrameworkMissingError,
    ModelUnavailableError,
    RunLimitError,
)
from trunkline.protocol.errors.agents import (
    AgentOfflineError,
    AgentOriginError,
    AgentOwnedError,
    AgentUnknownError,
    CallCancelledError,
    CallError,
    CallFailedError,
    CallTimeoutError,
    CatalogueLoadingError,
    CircuitOpenError,
    ClaimInvalidError,
    HandlerInvalidError,
    SkillSchemaInvalidError,
    SkillUnboundError,
    SkillUnknownError,
)
from trunkline.protocol.errors.base import (
    PROBLEM_JSON,
    TYPE_PREFIX,
    ConflictError,
    FieldError,
    InternalError,
    NotFoundError,
    Problem,
    RequestError,
    TrunklineError,
    UnavailableError,
    pointer,
)
from trunkline.protocol.errors.blobs import (
    BlobBrokenError,
    BlobDamagedError,
    BlobRangeError,
    BlobStoreFullError,
    BlobTooLargeError,
    BlobUnknownError,
    PayloadGoneError,
    PayloadTooLargeError,
)
from trunkline.protocol.errors.control import (
    BulkCountError,
    DeadLetterDiscardedError,
    DeadLetterHomelessError,
    DeadLetterUneditableError,
    QueueBusyError,
    QueueDrainingError,
    QueueMessageTakenError,
    QueueMessageUnknownError,
)
from trunkline.protocol.errors.event_types import (
    CodegenMissingError,
    EventTypeInUseError,
    EventTypeUnknownError,
    EventTypeVersionUnknownError,
    SchemaIncompatibleError,
    SchemaInvalidError,
    SchemaUnsupportedError,
)
from trunkline.protocol.errors.handlers import HandlerLoopError, HandlerUnknownError
from trunkline.protocol.errors.idempotency import (
    IdempotencyInProgressError,
    IdempotencyKeyInvalidError,
    IdempotencyKeyReusedError,
    IdempotencyOutcomeLostError,
)
from trunkline.protocol.errors.jobs import JobFailedError, JobStateError, JobUnknownError, RevisionUnknownError
from trunkline.protocol.errors.mcp import (
    McpCommandRefusedError,
    McpUpstreamBrokenError,
    McpUpstreamExistsError,
    McpUpstreamUnavailableError,
    McpUpstreamUnknownError,
    ToolsetUnknownError,
)
from trunkline.protocol.errors.message import (
    EnvelopeInvalidError,
    EventUnknownError,
    MessageError,
    MessageExpiredError,
    MessageTooLargeError,
    PayloadInvalidError,
)
from trunkline.protocol.errors.outbound import (
    OutboundError,
    OutboundRefusedError,
    OutboundTimeoutError,
    OutboundTooLargeError,
    OutboundUnreachableError,
)
from trunkline.protocol.errors.queues import (
    DeadLetterRedrivenError,
    DeadLetterUnknownError,
    QueueClassUnknownError,
    QueueFullError,
    QueueInUseError,
    QueueUnknownError,
)
from trunkline.protocol.errors.reach import BusUnavailableError, ClientClosedError, HubUnreachableError
from trunkline.protocol.errors.replays import (
    ArchiveDamagedError,
    GroupExistsError,
    KeepUnknownError,
    LogDamagedError,
    ReplayFilesOffError,
    ReplayFileUnknownError,
)
from trunkline.protocol.errors.request import (
    CursorInvalidError,
    MediaTypeUnsupportedError,
    MethodNotAllowedError,
    PreconditionFailedError,
    ProtocolUnsupportedError,
    RateLimitedError,
    RequestInvalidError,
    RequestMalformedError,
    RequestTooLargeError,
    RouteUnknownError,
)
from trunkline.protocol.errors.routes import RouteLoopError, RouteRuleUnknownError
from trunkline.protocol.errors.schedules import ScheduledUnknownError, ScheduleFullError, ScheduleUnknownError
from trunkline.protocol.errors.setup import (
    BrokerStartError,
    ChaosError,
    ContextMissingError,
    DataInUseError,
    DataNotWritableError,
    HubStartError,
    LoopRunningError,
    PortTakenError,
    RepositoryInvalidError,
    SettingInvalidError,
    SetupError,
)
from trunkline.protocol.errors.tasks import (
    TaskBusyError,
    TaskContextError,
    TaskFinishedError,
    TaskInputError,
    TaskNeededError,
    TaskUnknownError,
)
from trunkline.protocol.errors.traces import GroupInUseError, GroupUnknownError, TraceUnknownError


def _of(module: ModuleType) -> list[type[TrunklineError]]:
    """Return the errors that a module defines, in the order of its lines."""
    found = (item for item in vars(module).values() if isinstance(item, type) and item.__module__ == module.__name__)
    return [item for item in found if issubclass(item, TrunklineError) and item is not TrunklineError]


_HOMES = (
    base,
    request,
    idempotency,
    message,
    access,
    queues,
    agents,
    adapters,
    blobs,
    control,
    a2a,
    event_types,
    handlers,
    jobs,
    mcp,
    outbound,
    replays,
    routes,
    schedules,
    tasks,
    traces,
    reach,
    setup,
)
CATALOGUE: Sequence[type[TrunklineError]] = tuple(chain.from_iterable(_of(module) for module in _HOMES))
"""Every error, from its own class statement: nothing to keep in step."""

_BY_CODE = {error.code: error for error in CATALOGUE}


def from_problem(problem: Problem) -> TrunklineError:
    """Return the exception that `problem` describes; an unknown code keeps its status's class."""
    known = _BY_CODE.get(problem.code)
    if known is None:
        known = InternalError if problem.status >= UnavailableError.status - 3 else RequestError
    return known(problem.detail, errors=problem.errors, request_id=problem.request_id)


__all__ = [
    "CATALOGUE",
    "PROBLEM_JSON",
    "TYPE_PREFIX",
    "A2AAgentBrokenError",
    "A2AAgentExistsError",
    "A2AAgentUnknownError",
    "A2ACardError",
    "A2AContentTypeError",
    "A2AExtensionError",
    "A2AOperationError",
    "A2APushUnknownError",
    "A2ASignatureError",
    "AccessError",
    "AgentOfflineError",
    "AgentOriginError",
    "AgentOwnedError",
    "AgentRefusedError",
    "AgentUnknownError",
    "ArchiveDamagedError",
    "BlobBrokenError",
    "BlobDamagedError",
    "BlobRangeError",
    "BlobStoreFullError",
    "BlobTooLargeError",
    "BlobUnknownError",
    "BrokerStartError",
    "BulkCountError",
    "BusUnavailableError",
    "CallCancelledError",
    "CallError",
    "CallFailedError",
    "CallTimeoutError",
    "CatalogueLoadingError",
    "ChaosError",
    "CircuitOpenError",
    "ClaimInvalidError",
    "ClientClosedError",
    "CodegenMissingError",
    "ConflictError",
    "ContextMissingError",
    "CrossSiteError",
    "CursorInvalidError",
    "DataInUseError",
    "DataNotWritableError",
    "DeadLetterDiscardedError",
    "DeadLetterHomelessError",
    "DeadLetterRedrivenError",
    "DeadLetterUneditableError",
    "DeadLetterUnknownError",
    "EnvelopeInvalidError",
    "EventTypeInUseError",
    "EventTypeUnknownError",
    "EventTypeVersionUnknownError",
    "EventUnknownError",
    "FieldError",
    "FrameworkMissingError",
    "GroupExistsError",
    "GroupInUseError",
    "GroupUnknownError",
    "HandlerInvalidError",
    "HandlerLoopError",
    "HandlerUnknownError",
    "HubStartError",
    "HubUnreachableError",
    "IdempotencyInProgressError",
    "IdempotencyKeyInvalidError",
    "IdempotencyKeyReusedError",
    "IdempotencyOutcomeLostError",
    "InternalError",
    "JobFailedError",
    "JobStateError",
    "JobUnknownError",
    "KeepUnknownError",
    "LogDamagedError",
    "LoopRunningError",
    "McpCommandRefusedError",
    "McpUpstreamBrokenError",
    "McpUpstreamExistsError",
    "McpUpstreamUnavailableError",
    "McpUpstreamUnknownError",
    "MediaTypeUnsupportedError",
    "MessageError",
    "MessageExpiredError",
    "MessageTooLargeError",
    "MethodNotAllowedError",
    "ModelUnavailableError",
    "NotFoundError",
    "OutboundError",
    "OutboundRefusedError",
    "OutboundTimeoutError",
    "OutboundTooLargeError",
    "OutboundUnreachableError",
    "PayloadGoneError",
    "PayloadInvalidError",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "PortTakenError",
    "PreconditionFailedError",
    "Problem",
    "ProtocolUnsupportedError",
    "QueueBusyError",
    "QueueClassUnknownError",
    "QueueDrainingError",
    "QueueFullError",
    "QueueInUseError",
    "QueueMessageTakenError",
    "QueueMessageUnknownError",
    "QueueUnknownError",
    "RateLimitedError",
    "ReplayFileUnknownError",
    "ReplayFilesOffError",
    "RepositoryInvalidError",
    "RequestError",
    "RequestInvalidError",
    "RequestMalformedError",
    "RequestTooLargeError",
    "RevisionUnknownError",
    "RouteLoopError",
    "RouteRuleUnknownError",
    "RouteUnknownError",
    "RunLimitError",
    "ScheduleFullError",
    "ScheduleUnknownError",
    "ScheduledUnknownError",
    "SchemaIncompatibleError",
    "SchemaInvalidError",
    "SchemaUnsupportedError",
    "SettingInvalidError",
    "SetupError",
    "SigninLinkInvalidError",
    "SkillSchemaInvalidError",
    "SkillUnboundError",
    "SkillUnknownError",
    "TaskBusyError",
    "TaskContextError",
    "TaskFinishedError",
    "TaskInputError",
    "TaskNeededError",
    "TaskUnknownError",
    "TokenExpiredError",
    "TokenInvalidError",
    "TokenMissingError",
    "TokenUnknownError",
    "ToolsetUnknownError",
    "TraceUnknownError",
    "TrunklineError",
    "UnavailableError",
    "WorkspaceUnknownError",
    "from_problem",
    "pointer",
]
