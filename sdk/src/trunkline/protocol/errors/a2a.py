"""A2A: what its clients sent, and A2A agents behind the hub."""

from trunkline.protocol.errors.base import ConflictError, NotFoundError, RequestError, TrunklineError
from trunkline.protocol.errors.message import MessageError


class A2AContentTypeError(MessageError):
    code, status = "a2a.content_type", 422
    title = "The skill does not take content of this type"
    remedy = "Send what the agent card names in `inputModes`."


class A2AOperationError(RequestError):
    code, status = "a2a.unsupported", 400
    title = "The hub does not offer this to A2A clients"
    remedy = "See the agent card's `capabilities`; `a2a.*` of the hub's settings says what is offered."


class A2AExtensionError(RequestError):
    code, status = "a2a.extension_required", 400
    title = "The agent demands an extension that the client does not name"
    remedy = "Support the extension and name it in the header `A2A-Extensions`."


class A2APushUnknownError(NotFoundError):
    code = "a2a.push_unknown"
    title = "The task has no push notification of this id"
    remedy = "List those of the task."


class A2AAgentUnknownError(NotFoundError):
    code = "a2a.agent_unknown"
    title = "There is no imported A2A agent of this name"
    remedy = "`trunkline a2a list` shows those there are."


class A2AAgentExistsError(ConflictError):
    code, status = "a2a.agent_exists", 409
    title = "An agent of this name is there already"
    remedy = "Choose another name, or remove the one that is there."


class A2ACardError(TrunklineError):
    code, status = "a2a.card_invalid", 502
    title = "What lies at the address is no agent card that the hub can use"
    remedy = "Ask for the card from where the hub runs, and compare it with A2A 1.0, §4.4."


class A2ASignatureError(RequestError):
    code, status = "a2a.signature", 409
    title = "The agent card's signature is missing, or not by a key that is trusted"
    remedy = "Name the key in `a2a.trusted_keys`, or have the agent sign its card."


class A2AAgentBrokenError(TrunklineError):
    code, status = "a2a.agent_broken", 502
    title = "The A2A agent answered what A2A does not allow, or not at all"
    remedy = "See the agent's log; `trunkline a2a list` tells how it was last reached."
