"""Agents and calls to them."""

from trunkline.protocol.errors.base import ConflictError, NotFoundError, TrunklineError, UnavailableError
from trunkline.protocol.errors.message import MessageError
from trunkline.protocol.errors.setup import SetupError


class AgentUnknownError(NotFoundError):
    code = "agent.unknown"
    title = "No agent of this name is registered"
    remedy = "`trunkline agents list` shows those that are."


class AgentOwnedError(ConflictError):
    code, status = "agent.owned", 409
    title = "An agent of this name belongs to another principal"
    remedy = "Choose another name, or register with the owner's token."


class AgentOriginError(ConflictError):
    code, status = "agent.origin", 409
    title = "An agent of this name came from elsewhere"
    remedy = "Import it under another name, or remove the other one first."


class AgentOfflineError(UnavailableError):
    code = "agent.offline"
    title = "The agent is registered but no instance of it is connected"
    remedy = "Start the agent, or enqueue the work so that it waits."


class CatalogueLoadingError(UnavailableError):
    code = "catalogue.loading"
    title = "The hub is still reading the catalogue, so a search would miss some of it"
    remedy = "Try again in a few seconds, or ask another hub; `GET /agents/{name}` and calls work meanwhile."


class SkillUnknownError(NotFoundError):
    code = "skill.unknown"
    title = "No registered agent has this skill"
    remedy = "`trunkline agents list` shows the skills; start the agent once so that it registers."


class SkillSchemaInvalidError(MessageError):
    code, status = "skill.schema_invalid", 422
    title = "The skill's own schema is not valid JSON Schema"
    remedy = "Correct the agent's declared schema and register it again."


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


class SkillUnboundError(CallError):
    code, status = "skill.unbound", 501
    title = "The skill is listed from an OpenAPI document; Trunkline does not call such operations yet"
    remedy = "Call the service itself, or serve a skill of this name with an agent; `trunkline agents show` says where it came from."


class CallCancelledError(CallError):
    code, status = "call.cancelled", 499
    title = "The caller did not wait for the answer"
    remedy = "Call again, if the answer is wanted after all."


class CircuitOpenError(UnavailableError):
    code = "call.circuit_open"
    title = "Most calls of this skill failed lately, so it is given a pause"
    remedy = "Try again in a few seconds; the agents' health says what is wrong with them."


class ClaimInvalidError(SetupError):
    code = "setup.claim_invalid"
    title = "The message cannot be claimed through this connection"
    remedy = "Begin a transaction on a supported connection, claim first, then write the effect, then commit."


class HandlerInvalidError(SetupError):
    code = "setup.handler_invalid"
    title = "A handler's signature or name cannot be used"
    remedy = "Write `async def name(payload: Type, ctx: tl.Context) -> Type`, with annotations."
