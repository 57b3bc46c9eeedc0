"""CrewAI: a `Crew` as a skill, and skills as its tools.

    crewai.serve(crew, "newsroom").run()

The placeholders of its tasks (`{topic}`) are the skill's input: one is text,
several are the fields of an object. It answers with its last task's output.
As a task each finished step is told as progress, and `human_input=True` asks
the task's caller; a crew has no state to go on from, so it then begins anew
and is given the answers it had.
"""

import asyncio
from typing import Any, Unpack

import msgspec

from trunkline.adapters.asking import Answers, answer_of
from trunkline.adapters.loading import need
from trunkline.adapters.offering import Guest, Offer, offer
from trunkline.adapters.shapes import text_of
from trunkline.adapters.skill_tools import SkillTool, skill_tools
from trunkline.adapters.telling import Teller
from trunkline.agent import Agent
from trunkline.client import Client
from trunkline.context import Context
from trunkline.payloads import Nothing
from trunkline.protocol.errors import TrunklineError
from trunkline.protocol.tasks import Part
from trunkline.tasks import Tasks

_EXTRA = "crewai"


def serve(guest: Any, agent: Agent | str | None = None, *, skill: str | None = None, **options: Unpack[Offer]) -> Agent:
    """Offer a crew as a skill of `agent`, or of a new agent of that name; returns the agent.

    Each run works on a copy of the crew. `prepare` returns the crew's inputs, a dict.
    """
    need("crewai", _EXTRA)
    inputs = sorted(guest.fetch_inputs())
    last = guest.tasks[-1] if guest.tasks else None
    answer = getattr(last, "output_pydantic", None) or getattr(last, "output_json", None)

    async def run(payload: Any, ctx: Context) -> Any:
        return await _run(guest, _inputs(payload, inputs, options), ctx, options)

    return offer(
        Guest(
            name="" if guest.name in {None, "crew"} else guest.name, description=getattr(last, "description", ""),
            run=run, input_type=_input_type(inputs), output_type=answer or str, errors={},
        ),
        agent, skill, options,
    )  # fmt: skip


async def tools(client: Client | Context, **wanted: Any) -> list[Any]:
    """Return skills as CrewAI tools; for what can be said about `wanted` see `skill_tools`.

    What goes wrong is told to the model as the tool's result. The tools work
    in the event loop that this is called in, from whatever thread a crew runs in.
    """
    library = need("crewai.tools", _EXTRA)
    schemas = need("crewai.utilities.pydantic_schema_utils", _EXTRA)
    loop = asyncio.get_running_loop()

    def made(tool: SkillTool) -> Any:
        class BusTool(library.BaseTool):  # type: ignore[misc, name-defined]
            """A skill."""

            async def _arun(self, **arguments: Any) -> str:
                return await tool.tell(_given(arguments, tool))

            def _run(self, **arguments: Any) -> str:
                return asyncio.run_coroutine_threadsafe(tool.tell(_given(arguments, tool)), loop).result()

        model = schemas.create_model_from_schema(tool.schema | {"title": tool.name})
        return BusTool(name=tool.name, description=tool.description, args_schema=model)

    return [made(tool) for tool in await skill_tools(client, **wanted)]


async def _run(guest: Any, inputs: dict[str, Any], ctx: Context, options: Offer) -> Any:
    people = need("crewai.core.providers.human_input", _EXTRA)
    crew = guest.copy()
    told = _Progress(ctx, len(crew.tasks), crew.task_callback)
    crew.task_callback = told.finished
    token = people.set_provider(_person(people, Answers(ctx)))
    try:
        output = await crew.akickoff(inputs=inputs)
    finally:
        people.reset_provider(token)
        await told.close()
    answer = output.pydantic or output.json_dict or output.raw
    return await Teller(ctx).done(options["extract"](output) if "extract" in options else answer)


class _Progress:
    """Tells which of a crew's tasks are done; CrewAI calls back from any thread and does not wait."""

    def __init__(self, context: Context, total: int, before: Any) -> None:
        self._context = context
        self._total = total
        self._before = before
        self._done = 0
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._tasks = Tasks()
        self._telling = self._tasks.spawn(self._tell(), name="crew-progress", awaited=True)

    def finished(self, output: Any) -> Any:
        self._loop.call_soon_threadsafe(
            self._queue.put_nowait, f"{output.agent}: done with {output.summary or 'a task'}"
        )
        return self._before(output) if callable(self._before) else None

    async def close(self) -> None:
        self._loop.call_soon(self._queue.put_nowait, None)
        try:
            await self._telling
        except TrunklineError:
            return
        finally:
            await self._tasks.close()

    async def _tell(self) -> None:
        while (word := await self._queue.get()) is not None:
            self._done += 1
            await self._context.progress(min(1.0, self._done / max(1, self._total)), word)


def _person(people: Any, answers: Answers) -> Any:
    """Return what CrewAI asks instead of somebody at the terminal."""

    class Caller(people.SyncHumanInputProvider):  # type: ignore[misc]
        """The task's caller."""

        async def handle_feedback_async(self, formatted_answer: Any, context: Any) -> Any:
            answer = formatted_answer
            while context.ask_for_human_input:
                shown = self._get_output_string(answer)
                question = [
                    Part(text=f"{shown}\n\nIs this as you want it? Answer with nothing or 'ok', or say what to change.")
                ]
                said = text_of(answer_of(await answers.ask(question))).strip()
                if said.lower() in {"", "ok", "yes"}:
                    context.ask_for_human_input = False
                else:
                    context.messages.append(context._format_feedback_message(said))  # noqa: SLF001 -- as CrewAI's own providers do
                    answer = await context._ainvoke_loop()  # noqa: SLF001 -- as above
            return answer

    return Caller()


def _inputs(payload: Any, names: list[str], options: Offer) -> dict[str, Any]:
    if "prepare" in options:
        return dict(options["prepare"](payload))
    if payload is None:
        return {}
    if isinstance(payload, str) and len(names) == 1:
        return {names[0]: payload}
    return dict(msgspec.to_builtins(payload))


def _input_type(names: list[str]) -> Any:
    if not names:
        return Nothing
    if len(names) == 1:
        return str
    return msgspec.defstruct("Inputs", [(name, str) for name in names], kw_only=True, forbid_unknown_fields=True)


def _given(arguments: dict[str, Any], tool: SkillTool) -> dict[str, Any]:
    """Return what the model gave, without the fields that CrewAI filled in as None."""
    required = tool.schema.get("required", [])
    return {key: value for key, value in arguments.items() if value is not None or key in required}
