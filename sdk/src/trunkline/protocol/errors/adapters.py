"""Agents of other frameworks."""

from trunkline.protocol.errors.agents import CallError
from trunkline.protocol.errors.base import UnavailableError
from trunkline.protocol.errors.message import MessageError
from trunkline.protocol.errors.setup import SetupError


class FrameworkMissingError(SetupError):
    code = "setup.framework_missing"
    title = "The agent framework is not installed"
    remedy = "Install it with its extra, such as: pip install 'trunkline[langgraph]'."


class ModelUnavailableError(UnavailableError):
    code = "model.unavailable"
    title = "The agent's language model does not answer"
    remedy = "Try again later; the agent's log names the provider's error."


class RunLimitError(CallError):
    code = "call.limit"
    title = "The agent gave up: it reached its own limit of steps, tokens or turns"
    remedy = "Ask for less at once, or raise the limit where the agent is built."


class AgentRefusedError(MessageError):
    code, status = "call.refused", 422
    title = "The agent declines this input"
    remedy = "Change what is asked; the detail says what the agent's guard objects to."
