"""OpenAI Agents SDK: an `Agent` as a skill, and skills as its tools.

    openai_agents.serve(Agent(name="triage", model=model), "triage").run()

Text in, and out what `output_type` says. As a task its words stream, tools
that it uses are told as status, and a tool that needs approval asks the
task's caller; the SDK's `RunState` waits with the task.
"""

from dataclasses import replace
from typing import Any, Unpack

import msgspec

from trunkline.adapters.asking import Answers
from trunkline.adapters.conversing import converse
from trunkline.adapters.loading import need
from trunkline.adapters.offering import Guest, Offer, offer
from trunkline.adapters.running import conversation
from trunkline.adapters.shapes import described, shaped, text_of
from trunkline.adapters.skill_tools import SkillTool, skill_tools
from trunkline.adapters.telling import Teller
from trunkline.agent import Agent
from trunkline.client import Client
from trunkline.context import Context
from trunkline.protocol.errors import (
    AgentRefusedError,
    CallTimeoutError,
    ModelUnavailableError,
    RunLimitError,
    TrunklineError,
)
from trunkline.protocol.trace import trace_id

_EXTRA = "openai-agents"


def serve(
    guest: Any, agent: Agent | str | None = None, *, skill: str | None = None, run: dict[str, Any] | None = None, **options: Unpack[Offer]
) -> Agent:  # fmt: skip
    """Offer an agent of the OpenAI Agents SDK as a skill of `agent`, or of a new agent of that name; returns the agent.

    `run` are arguments for `Runner.run`: `context`, `max_turns`, `run_config`, `hooks`, `session`.
    `prepare` may return anything `Runner.run` takes as input.
    """
    need("agents", _EXTRA)

    async def run_it(payload: Any, ctx: Context) -> Any:
        return await converse(_Talk(guest, run or {}, ctx, options), payload, ctx)

    return offer(
        Guest(
            name=guest.name, description=guest.handoff_description or "", run=run_it, input_type=str,
            output_type=_output_type(guest), errors=_errors(),
        ),
        agent, skill, options,
    )  # fmt: skip


async def tools(client: Client | Context, **wanted: Any) -> list[Any]:
    """Return skills as function tools; for what can be said about `wanted` see `skill_tools`.

    What goes wrong is told to the model as the tool's result.
    """
    library = need("agents", _EXTRA)

    def made(tool: SkillTool) -> Any:
        async def invoke(_context: Any, raw: str) -> str:
            try:
                arguments = msgspec.json.decode(raw or "{}", type=dict[str, Any])
            except msgspec.DecodeError as error:
                return f"The arguments are no JSON object: {error}. Correct them and call again."
            return await tool.tell(arguments)

        return library.FunctionTool(
            name=tool.name, description=tool.description, params_json_schema=tool.schema, on_invoke_tool=invoke,
            strict_json_schema=False,
        )  # fmt: skip

    return [made(tool) for tool in await skill_tools(client, **wanted)]


class _Talk:
    """One run."""

    def __init__(self, guest: Any, run: dict[str, Any], context: Context, options: Offer) -> None:
        self._library = need("agents", _EXTRA)
        self._guest = guest
        self._teller = Teller(context)
        self._options = options
        self._given = run | {"run_config": self._config(run.get("run_config"), context)}

    async def begin(self, payload: Any) -> Any:
        prepare = self._options.get("prepare", text_of)
        return await self._run(prepare(payload))

    def waits(self, result: Any) -> bool:
        return bool(result.interruptions)

    def freeze(self, result: Any) -> Any:
        return result.to_state().to_json()

    async def go_on(self, frozen: Any, answers: Answers) -> Any:
        override = {"context_override": self._given["context"]} if "context" in self._given else {}
        state = await self._library.RunState.from_json(self._guest, frozen, **override)
        for item in state.get_interruptions():
            decision = await answers.decide(item.tool_name or "a tool", _arguments(item))
            if decision.approved:
                state.approve(item)
            else:
                state.reject(item, rejection_message=decision.note or None)
        return await self._run(state)

    async def output(self, result: Any) -> Any:
        answer = result.final_output
        return await self._teller.done(self._options["extract"](answer) if "extract" in self._options else answer)

    async def _run(self, given: Any) -> Any:
        if not self._teller.on_record:
            return await self._library.Runner.run(self._guest, given, **self._given)
        result = self._library.Runner.run_streamed(self._guest, given, **self._given)
        try:
            async for event in result.stream_events():
                await self._hear(event)
        finally:
            if not result.is_complete:
                result.cancel()
        return result

    async def _hear(self, event: Any) -> None:
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            await self._teller.word(event.data.delta)
        elif event.type == "run_item_stream_event" and event.name == "tool_called":
            await self._teller.step(f"using {getattr(event.item.raw_item, 'name', None) or event.item.raw_item.type}")
        elif event.type == "agent_updated_stream_event" and event.new_agent is not self._guest:
            await self._teller.step(f"handed over to {event.new_agent.name}")

    def _config(self, given: Any, context: Context) -> Any:
        """Join the SDK's own trace, where it is on, to the message's."""
        config = given or self._library.RunConfig()
        if isinstance(config, dict):
            config = self._library.RunConfig(**config)
        known = trace_id(context.traceparent)
        joined = {"group_id": config.group_id or conversation(context)}
        if known is not None and config.trace_id is None:
            joined["trace_id"] = f"trace_{known}"
        return replace(config, **joined)


def _arguments(item: Any) -> Any:
    raw = item.raw_item
    given = raw.get("arguments") if isinstance(raw, dict) else getattr(raw, "arguments", None)
    try:
        return msgspec.json.decode(given or "{}")
    except msgspec.DecodeError:
        return given


def _output_type(guest: Any) -> Any:
    schema = getattr(guest.output_type, "json_schema", None)
    if isinstance(guest.output_type, need("agents", _EXTRA).AgentOutputSchemaBase) and schema is not None:
        return str if guest.output_type.is_plain_text() else shaped(schema())
    return described(guest.output_type)


def _errors() -> dict[type[Exception], type[TrunklineError]]:
    library, provider = need("agents", _EXTRA), need("openai", _EXTRA)
    return {
        library.MaxTurnsExceeded: RunLimitError,
        library.InputGuardrailTripwireTriggered: AgentRefusedError,
        library.OutputGuardrailTripwireTriggered: AgentRefusedError,
        library.exceptions.ModelRefusalError: AgentRefusedError,
        library.exceptions.ModelTimeoutError: CallTimeoutError,
        provider.APIConnectionError: ModelUnavailableError,
        provider.RateLimitError: ModelUnavailableError,
        provider.InternalServerError: ModelUnavailableError,
    }
