"""Microsoft Agent Framework: an agent as a skill, and skills as its tools.

    agent_framework.serve(Agent(client, name="planner"), "planner").run()

Text in, text out, or what `output_type` says (a Pydantic model, which the
agent is asked to answer in). As a task its words stream, tools that it uses
are told as status, and a tool that needs approval asks the task's caller; the
session waits with the task.
"""

from typing import Any, Unpack

from trunkline.adapters.asking import Answers, answer_of, question_of
from trunkline.adapters.conversing import converse
from trunkline.adapters.loading import need
from trunkline.adapters.offering import Guest, Offer, offer
from trunkline.adapters.shapes import text_of
from trunkline.adapters.skill_tools import SkillTool, skill_tools
from trunkline.adapters.telling import Teller
from trunkline.agent import Agent
from trunkline.client import Client
from trunkline.context import Context
from trunkline.payloads import is_pydantic
from trunkline.protocol.errors import AgentRefusedError, CallFailedError, ModelUnavailableError, TrunklineError

_EXTRA = "agent-framework"
_APPROVAL = "function_approval_request"


def serve(guest: Any, agent: Agent | str | None = None, *, skill: str | None = None, **options: Unpack[Offer]) -> Agent:
    """Offer an agent of the Agent Framework as a skill of `agent`, or of a new agent of that name; returns the agent.

    `prepare` may return anything that the agent's `run` takes as messages.
    """
    need("agent_framework", _EXTRA)

    async def run(payload: Any, ctx: Context) -> Any:
        return await converse(_Talk(guest, ctx, options), payload, ctx)

    return offer(
        Guest(
            name=guest.name or "", description=guest.description or "", run=run, input_type=str, output_type=str,
            errors=_errors(),
        ),
        agent, skill, options,
    )  # fmt: skip


async def tools(client: Client | Context, **wanted: Any) -> list[Any]:
    """Return skills as function tools; for what can be said about `wanted` see `skill_tools`.

    What goes wrong is told to the model as the tool's result.
    """
    library = need("agent_framework", _EXTRA)

    anything = need("pydantic", _EXTRA).create_model("Arguments", __config__={"extra": "allow"})

    class BusTool(library.FunctionTool):  # type: ignore[misc, name-defined]
        """A skill. The framework's own check of arguments would hide from the model what is wrong: the callee says it."""

        def __init__(self, tool: SkillTool) -> None:
            async def call(**arguments: Any) -> str:
                return await tool.tell(arguments)

            super().__init__(name=tool.name, description=tool.description, func=call, input_model=anything)
            self._shown = tool.schema

        def parameters(self) -> dict[str, Any]:
            return self._shown

    return [BusTool(tool) for tool in await skill_tools(client, **wanted)]


class _Talk:
    """One run."""

    def __init__(self, guest: Any, context: Context, options: Offer) -> None:
        self._library = need("agent_framework", _EXTRA)
        self._guest = guest
        self._teller = Teller(context)
        self._options = options
        self._session = guest.create_session()
        answer = options.get("output_type")
        self._given: dict[str, Any] = {"options": {"response_format": answer}} if is_pydantic(answer) else {}

    async def begin(self, payload: Any) -> Any:
        prepare = self._options.get("prepare", text_of)
        return await self._run(prepare(payload))

    def waits(self, result: Any) -> bool:
        return bool(result.user_input_requests)

    def freeze(self, result: Any) -> Any:
        requests = [request.to_dict() for request in result.user_input_requests]
        return {"session": self._session.to_dict(), "requests": requests}

    async def go_on(self, frozen: Any, answers: Answers) -> Any:
        self._session = self._library.AgentSession.from_dict(frozen["session"])
        requests = [self._library.Content.from_dict(request) for request in frozen["requests"]]
        replies = [await self._reply(request, answers) for request in requests]
        return await self._run([self._library.Message("user", replies)])

    async def _reply(self, request: Any, answers: Answers) -> Any:
        if request.type != _APPROVAL:
            said = answer_of(await answers.ask(question_of(request.to_dict())))
            return self._library.Content.from_text(text_of(said))
        called = request.function_call
        decision = await answers.decide(called.name, called.parse_arguments())
        return request.to_function_approval_response(decision.approved)

    async def output(self, result: Any) -> Any:
        answer = result.value if self._given else result.text
        if "extract" in self._options:
            answer = self._options["extract"](answer)
        return await self._teller.done(answer)

    async def _run(self, messages: Any) -> Any:
        if not self._teller.on_record:
            return await self._guest.run(messages, session=self._session, **self._given)
        stream = self._guest.run(messages, stream=True, session=self._session, **self._given)
        async for update in stream:
            for content in update.contents:
                if content.type == "text":
                    await self._teller.word(content.text or "")
                elif content.type == "function_call" and content.name:
                    await self._teller.step(f"using {content.name}")
        return await stream.get_final_response()


def _errors() -> dict[type[Exception], type[TrunklineError]]:
    errors = need("agent_framework.exceptions", _EXTRA)
    return {
        errors.AgentContentFilterException: AgentRefusedError,
        errors.ChatClientContentFilterException: AgentRefusedError,
        errors.ChatClientInvalidRequestException: CallFailedError,
        errors.ChatClientInvalidAuthException: CallFailedError,
        errors.ChatClientException: ModelUnavailableError,
    }
