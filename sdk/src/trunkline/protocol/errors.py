"""The error catalogue: one tree, stable codes, RFC 9457 on the wire.

    TrunklineError
    ├── RequestError            what was sent is wrong
    │   ├── RequestMalformedError, RequestInvalidError, RequestTooLargeError,
    │   │   CursorInvalidError, MethodNotAllowedError, MediaTypeUnsupportedError
    │   ├── MessageError
    │   │   └── EnvelopeInvalidError, PayloadInvalidError, MessageTooLargeError,
    │   │       SkillSchemaInvalidError
    │   └── ConflictError
    │       └── AgentOwnedError, DeadLetterRedrivenError, QueueInUseError
    ├── AccessError             who asks, or may they
    │   └── TokenMissingError, TokenInvalidError, TokenExpiredError,
    │       PermissionDeniedError, CrossSiteError, SigninLinkInvalidError
    ├── NotFoundError           what is named does not exist
    │   └── RouteUnknownError, WorkspaceUnknownError, QueueUnknownError, SkillUnknownError, …
    ├── UnavailableError        try again later
    │   └── AgentOfflineError, BusUnavailableError, QueueFullError, HubUnreachableError,
    │       ClientClosedError
    ├── CallError               the other side answered, badly or not at all
    │   └── CallFailedError, CallTimeoutError
    ├── SetupError              this machine is not ready for it
    │   └── PortTakenError, DataInUseError, DataNotWritableError, ContextMissingError, …
    └── InternalError

Every class states its `code`, HTTP `status`, `title` and `remedy`; the pages
and `contracts/errors.json` are generated from them.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import msgspec

PROBLEM_JSON = "application/problem+json"
TYPE_PREFIX = "urn:trunkline:error:"


class FieldError(msgspec.Struct, frozen=True):
    """One wrong value: where (JSON pointer, RFC 6901) and what is wrong with it."""

    pointer: str
    detail: str


def pointer(steps: Iterable[object]) -> str:
    """Return the JSON pointer (RFC 6901) that leads along `steps`; `~` and `/` in a name are escaped."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details, with Trunkline's stable `code` and the `remedy`."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    remedy: str | None = None
    instance: str | None = None
    request_id: str | None = None
    errors: list[FieldError] = []


class TrunklineError(Exception):
    """Root of everything Trunkline raises on purpose."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong inside the hub"
    remedy: ClassVar[str] = "Look up the request id in the hub's log and report it."

    def __init__(self, detail: str = "", *, errors: Iterable[FieldError] = (), request_id: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = list(errors)
        self.request_id = request_id

    def to_problem(self, *, instance: str | None = None, request_id: str | None = None) -> Problem:
        return Problem(
            type=TYPE_PREFIX + self.code,
            title=self.title,
            status=self.status,
            code=self.code,
            detail=self.detail,
            remedy=self.remedy,
            instance=instance,
            request_id=request_id or self.request_id,
            errors=self.errors,
        )


class InternalError(TrunklineError):
    """An unforeseen fault; its details are in the log only."""


class RequestError(TrunklineError):
    code, status = "request.bad", 400
    title = "The request is wrong"
    remedy = "Compare the request with the API reference."


class RequestMalformedError(RequestError):
    code, status = "request.malformed", 400
    title = "The request body is not valid JSON"
    remedy = "Send UTF-8 JSON with the media type the operation names."


class RequestInvalidError(RequestError):
    code, status = "request.invalid", 422
    title = "The request does not match the operation's schema"
    remedy = "Correct the fields listed under `errors`."


class RequestTooLargeError(RequestError):
    code, status = "request.too_large", 413
    title = "The request body is larger than the hub accepts"
    remedy = "Send less at once, or raise `web.max_body_bytes`."


class CursorInvalidError(RequestError):
    code, status = "request.cursor_invalid", 400
    title = "The page cursor is not one this hub issued"
    remedy = "Start again without `cursor`, then follow `next`."


class MethodNotAllowedError(RequestError):
    code, status = "request.method_not_allowed", 405
    title = "The resource does not support this method"
    remedy = "See the `Allow` header for the methods it supports."


class MediaTypeUnsupportedError(RequestError):
    code, status = "request.media_type_unsupported", 415
    title = "The media type is not supported here"
    remedy = "Send `application/json`, or `application/cloudevents+json` for events."


class MessageError(RequestError):
    code, status = "message.bad", 422
    title = "The message cannot be accepted"
    remedy = "Correct the message and publish it again."


class EnvelopeInvalidError(MessageError):
    code, status = "message.envelope_invalid", 422
    title = "The message is not a CloudEvent 1.0"
    remedy = "Give it `specversion`, `id`, `source` and `type` as CloudEvents 1.0 demands."


class PayloadInvalidError(MessageError):
    code, status = "message.payload_invalid", 422
    title = "The payload does not match the declared schema"
    remedy = "Correct the fields listed under `errors`; the agent's skill or queue states the schema."


class MessageTooLargeError(MessageError):
    code, status = "message.too_large", 413
    title = "The message is larger than the broker accepts"
    remedy = "Store the payload elsewhere and send a reference to it."


class ConflictError(RequestError):
    code, status = "conflict", 409
    title = "The resource is in a state that forbids this"
    remedy = "Read the resource again and decide anew."


class AgentOwnedError(ConflictError):
    code, status = "agent.owned", 409
    title = "An agent of this name belongs to another principal"
    remedy = "Choose another name, or register with the owner's token."


class DeadLetterRedrivenError(ConflictError):
    code, status = "dead_letter.redriven", 409
    title = "The dead letter has been redriven already"
    remedy = "Look for its new message; if that died too, redrive the new dead letter."


class QueueInUseError(ConflictError):
    code, status = "queue.in_use", 409
    title = "The queue still holds messages or workers"
    remedy = "Let the workers finish it, then try again."


class AccessError(TrunklineError):
    code, status = "access.refused", 403
    title = "Access refused"
    remedy = "Use a token that is allowed to do this."


class TokenMissingError(AccessError):
    code, status = "access.token_missing", 401
    title = "No credentials were sent"
    remedy = "Send `Authorization: Bearer <token>`, or sign in with `trunkline signin`."


class TokenInvalidError(AccessError):
    code, status = "access.token_invalid", 401
    title = "The token is not known here"
    remedy = "Check that it is complete, of this hub, and not revoked: `trunkline tokens list`."


class TokenExpiredError(AccessError):
    code, status = "access.token_expired", 401
    title = "The token has expired"
    remedy = "Create a new one with `trunkline tokens create`."


class PermissionDeniedError(AccessError):
    code, status = "access.denied", 403
    title = "The token lacks the permission for this"
    remedy = "Use a token with the scope named in `detail`."


class CrossSiteError(AccessError):
    code, status = "access.cross_site", 403
    title = "A change was requested from another site"
    remedy = "Browser sessions must send `X-Trunkline-Session: 1` from the hub's own pages."


class SigninLinkInvalidError(AccessError):
    code, status = "access.signin_link_invalid", 401
    title = "The sign-in link was used already or has expired"
    remedy = "Make a new one with `trunkline signin`."


class NotFoundError(TrunklineError):
    code, status = "not_found", 404
    title = "There is no such resource"
    remedy = "List the collection to see what exists."


class RouteUnknownError(NotFoundError):
    code = "not_found.route"
    title = "There is nothing at this address"
    remedy = "See `/api/v1/openapi.json` for what there is."


class WorkspaceUnknownError(NotFoundError):
    code = "workspace.unknown"
    title = "There is no such workspace, or the token is not of it"
    remedy = "Use the workspace that the token was made for."


class QueueUnknownError(NotFoundError):
    code = "queue.unknown"
    title = "There is no such queue"
    remedy = "Declare it with `trunkline queues declare`, or start an agent that takes its work."


class AgentUnknownError(NotFoundError):
    code = "agent.unknown"
    title = "No agent of this name is registered"
    remedy = "`trunkline agents list` shows those that are."


class SkillUnknownError(NotFoundError):
    code = "skill.unknown"
    title = "No registered agent has this skill"
    remedy = "`trunkline agents list` shows the skills; start the agent once so that it registers."


class SkillSchemaInvalidError(MessageError):
    code, status = "skill.schema_invalid", 422
    title = "The skill's own schema is not valid JSON Schema"
    remedy = "Correct the agent's declared schema and register it again."


class DeadLetterUnknownError(NotFoundError):
    code = "dead_letter.unknown"
    title = "There is no such dead letter"
    remedy = "`trunkline dead list` shows those that are waiting."


class TokenUnknownError(NotFoundError):
    code = "token.unknown"
    title = "There is no such token"
    remedy = "`trunkline tokens list` shows the ids."


class EventUnknownError(NotFoundError):
    code = "event.unknown"
    title = "There is no such event in the log"
    remedy = "It may have left the log by age or size."


class UnavailableError(TrunklineError):
    code, status = "unavailable", 503
    title = "The service is not available at the moment"
    remedy = "Try again shortly."


class AgentOfflineError(UnavailableError):
    code = "agent.offline"
    title = "The agent is registered but no instance of it is connected"
    remedy = "Start the agent, or enqueue the work so that it waits."


class BusUnavailableError(UnavailableError):
    code = "bus.unavailable"
    title = "The broker did not acknowledge in time"
    remedy = "Publish again with the same id: it is stored once. `trunkline doctor` tells why."


class QueueFullError(UnavailableError):
    code = "queue.full"
    title = "The queue's store is full; nothing was accepted"
    remedy = "Let workers catch up, or raise `bus.tasks_max_bytes`."


class HubUnreachableError(UnavailableError):
    code = "hub.unreachable"
    title = "No hub answers at this address"
    remedy = "Start one with `trunkline serve`, or set TRUNKLINE_URL."


class ClientClosedError(UnavailableError):
    code = "client.closed"
    title = "The client is closed"
    remedy = "Use the client inside `async with`."


class CallError(TrunklineError):
    code, status = "call.bad", 502
    title = "The call did not succeed"
    remedy = "See the callee's log."


class CallFailedError(CallError):
    code, status = "call.failed", 502
    title = "The agent raised an error"
    remedy = "The agent's log has the traceback under the same trace id."


class CallTimeoutError(CallError):
    code, status = "call.timeout", 504
    title = "The agent did not answer in time"
    remedy = "Raise the timeout, or enqueue the work."


class SetupError(TrunklineError):
    code, status = "setup", 500
    title = "Trunkline cannot start like this"
    remedy = "Run `trunkline doctor`."


class PortTakenError(SetupError):
    code = "setup.port_taken"
    title = "The port is in use by another program"
    remedy = "Stop that program, or choose another port: `trunkline serve --port N`."


class DataInUseError(SetupError):
    code = "setup.data_in_use"
    title = "Another Trunkline runs on this data directory"
    remedy = "Stop it, or give this one its own: `trunkline serve --data DIR`."


class DataNotWritableError(SetupError):
    code = "setup.data_not_writable"
    title = "The data directory cannot be written"
    remedy = "Give the user write access to it, or choose another: `trunkline serve --data DIR`."


class SettingInvalidError(SetupError):
    code = "setup.setting_invalid"
    title = "A setting is wrong"
    remedy = "See the settings reference for its type and range."


class BrokerStartError(SetupError):
    code = "setup.broker_start"
    title = "The embedded broker did not start"
    remedy = "The last lines of its log are in `detail`; the whole log is in the data directory."


class HubStartError(SetupError):
    code = "setup.hub_start"
    title = "The hub did not become ready"
    remedy = "The last lines of its log are in `detail`; the whole log is in the data directory."


class ContextMissingError(SetupError):
    code = "setup.context_missing"
    title = "No hub is configured and no local one was found"
    remedy = "Start one with `trunkline serve`, or set TRUNKLINE_URL and TRUNKLINE_TOKEN."


class RepositoryInvalidError(SetupError):
    code = "setup.repository_invalid"
    title = "The commit history cannot be read"
    remedy = "Name a git repository with commits: `trunkline demo --repo PATH` or `make run REPO=PATH`."


class HandlerInvalidError(SetupError):
    code = "setup.handler_invalid"
    title = "A handler's signature or name cannot be used"
    remedy = "Write `async def name(payload: Type, ctx: tl.Context) -> Type`, with annotations."


CATALOGUE: Sequence[type[TrunklineError]] = (
    InternalError,
    RequestError, RequestMalformedError, RequestInvalidError, RequestTooLargeError, CursorInvalidError,
    MethodNotAllowedError, MediaTypeUnsupportedError,
    MessageError, EnvelopeInvalidError, PayloadInvalidError, MessageTooLargeError, SkillSchemaInvalidError,
    ConflictError, AgentOwnedError, DeadLetterRedrivenError, QueueInUseError,
    AccessError, TokenMissingError, TokenInvalidError, TokenExpiredError, PermissionDeniedError, CrossSiteError,
    SigninLinkInvalidError,
    NotFoundError, RouteUnknownError, WorkspaceUnknownError, QueueUnknownError, AgentUnknownError, SkillUnknownError,
    DeadLetterUnknownError, TokenUnknownError, EventUnknownError,
    UnavailableError, AgentOfflineError, BusUnavailableError, QueueFullError, HubUnreachableError, ClientClosedError,
    CallError, CallFailedError, CallTimeoutError,
    SetupError, PortTakenError, DataInUseError, DataNotWritableError, SettingInvalidError, BrokerStartError,
    HubStartError, ContextMissingError, RepositoryInvalidError, HandlerInvalidError,
)  # fmt: skip

_BY_CODE = {error.code: error for error in CATALOGUE}


def from_problem(problem: Problem) -> TrunklineError:
    """Return the exception that `problem` describes; an unknown code keeps its status's class."""
    known = _BY_CODE.get(problem.code)
    if known is None:
        known = InternalError if problem.status >= UnavailableError.status - 3 else RequestError
    return known(problem.detail, errors=problem.errors, request_id=problem.request_id)
