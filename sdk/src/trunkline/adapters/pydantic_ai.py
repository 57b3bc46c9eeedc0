"""Pydantic AI: an `Agent` as a skill, and skills as its tools.

    pydantic_ai.serve(Agent("openai:gpt-5", output_type=Answer), "analyst").run()

Text in, and out what `output_type` says. As a task its words stream, tools
that it uses are told as status, and a tool that needs approval (or is
deferred) asks the task's caller; the message history waits with the task.
"""

from collections.abc import AsyncIterable, Sequence
from typing import Any, Unpack, cast

import msgspec

from trunkline.adapters.asking import Answers, answer_of
from trunkline.adapters.conversing import converse
from trunkline.adapters.loading import need
from trunkline.adapters.offering import Guest, Offer, offer
from trunkline.adapters.running import conversation
from trunkline.adapters.shapes import shaped, text_of
from trunkline.adapters.skill_tools import SkillTool, complaint, is_for_the_model, skill_tools, words
from trunkline.adapters.telling import Teller
from trunkline.agent import Agent
from trunkline.client import Client
from trunkline.context import Context
from trunkline.protocol.errors import (
    AgentRefusedError,
    CallFailedError,
    CallTimeoutError,
    ModelUnavailableError,
    RunLimitError,
    TrunklineError,
)
from trunkline.protocol.tasks import Part

_EXTRA = "pydantic-ai"


def serve(
    guest: Any,
    agent: Agent | str | None = None,
    *,
    skill: str | None = None,
    deps: Any = None,
    **options: Unpack[Offer],
) -> Agent:
    """Offer a Pydantic AI agent as a skill of `agent`, or of a new agent of that name; returns the agent.

    `deps` go to each run. `prepare` may return anything `Agent.run` takes as a prompt.
    """
    library = need("pydantic_ai", _EXTRA)
    kinds = guest.output_type if isinstance(guest.output_type, Sequence) else [guest.output_type]
    wanted = [kind for kind in kinds if kind is not library.DeferredToolRequests]

    async def run(payload: Any, ctx: Context) -> Any:
        return await converse(_Talk(guest, wanted, deps, ctx, options), payload, ctx)

    return offer(
        Guest(
            name=guest.name or "", description=_description(guest), run=run, input_type=str,
            output_type=shaped(guest.output_json_schema(output_type=wanted)), errors=_errors(library),
        ),
        agent, skill, options,
    )  # fmt: skip


async def tools(client: Client | Context, **wanted: Any) -> list[Any]:
    """Return skills as Pydantic AI tools; for what can be said about `wanted` see `skill_tools`.

    Arguments that do not fit are told to the model for another try
    (`ModelRetry`); any other error is told as a failure (`ToolFailed`).
    """
    library = need("pydantic_ai", _EXTRA)

    def made(tool: SkillTool) -> Any:
        async def call(**arguments: Any) -> str:
            try:
                return words(await tool(**arguments))
            except TrunklineError as error:
                told = library.ModelRetry if is_for_the_model(error) else library.ToolFailed
                raise told(complaint(error)) from error

        return library.Tool.from_schema(call, tool.name, tool.description, tool.schema)

    return [made(tool) for tool in await skill_tools(client, **wanted)]


class _Talk:
    """One run."""

    def __init__(self, guest: Any, wanted: list[Any], deps: Any, context: Context, options: Offer) -> None:
        self._library = need("pydantic_ai", _EXTRA)
        self._messages = need("pydantic_ai.messages", _EXTRA)
        self._guest = guest
        self._teller = Teller(context)
        self._options = options
        self._given: dict[str, Any] = {"deps": deps, "conversation_id": conversation(context)}
        if not getattr(guest, "_output_validators", None):  # with validators a run may not widen the output
            self._given["output_type"] = [*wanted, self._library.DeferredToolRequests]
        if self._teller.on_record:
            self._given["event_stream_handler"] = self._follow

    async def begin(self, payload: Any) -> Any:
        prompt = self._options["prepare"](payload) if "prepare" in self._options else text_of(payload)
        return await self._guest.run(prompt, **self._given)

    def waits(self, result: Any) -> bool:
        return isinstance(result.output, self._library.DeferredToolRequests)

    def freeze(self, result: Any) -> Any:
        requests = need("pydantic", _EXTRA).TypeAdapter(self._library.DeferredToolRequests)
        return {
            "messages": msgspec.json.decode(result.all_messages_json()),
            "requests": requests.dump_python(result.output, mode="json"),
        }

    async def go_on(self, frozen: Any, answers: Answers) -> Any:
        pydantic = need("pydantic", _EXTRA)
        requests = pydantic.TypeAdapter(self._library.DeferredToolRequests).validate_python(frozen["requests"])
        approvals = {call.tool_call_id: await self._approval(call, answers) for call in requests.approvals}
        calls = {call.tool_call_id: await self._result(call, answers) for call in requests.calls}
        history = self._messages.ModelMessagesTypeAdapter.validate_python(frozen["messages"])
        results = self._library.DeferredToolResults(approvals=approvals, calls=calls)
        return await self._guest.run(message_history=history, deferred_tool_results=results, **self._given)

    async def _approval(self, call: Any, answers: Answers) -> Any:
        decision = await answers.decide(call.tool_name, call.args_as_dict())
        if decision.approved:
            return self._library.ToolApproved(override_args=decision.arguments)
        return self._library.ToolDenied(decision.note) if decision.note else self._library.ToolDenied()

    async def _result(self, call: Any, answers: Answers) -> Any:
        arguments = call.args_as_dict()
        question = [Part(text=f"What does {call.tool_name!r} return?"), Part(data={"tool": call.tool_name, "arguments": arguments})]  # fmt: skip
        return answer_of(await answers.ask(question))

    async def output(self, result: Any) -> Any:
        answer = self._options["extract"](result.output) if "extract" in self._options else result.output
        return await self._teller.done(answer)

    async def _follow(self, _run: Any, events: AsyncIterable[Any]) -> None:
        messages = self._messages
        async for event in events:
            if isinstance(event, messages.PartStartEvent) and isinstance(event.part, messages.TextPart):
                await self._teller.word(event.part.content)
            elif isinstance(event, messages.PartDeltaEvent) and isinstance(event.delta, messages.TextPartDelta):
                await self._teller.word(event.delta.content_delta)
            elif isinstance(event, messages.FunctionToolCallEvent):
                await self._teller.step(f"using {event.part.tool_name}")


def _description(guest: Any) -> str:
    found = getattr(guest, "description", None)
    return found if isinstance(found, str) else ""


def _errors(library: Any) -> dict[type[Exception], type[TrunklineError]]:
    errors = cast("Any", need("pydantic_ai.exceptions", _EXTRA))
    return {
        errors.UsageLimitExceeded: RunLimitError,
        errors.RunTimedOut: CallTimeoutError,
        errors.ContentFilterError: AgentRefusedError,
        errors.ModelRequestRejectedError: CallFailedError,
        library.ModelAPIError: ModelUnavailableError,
    }
