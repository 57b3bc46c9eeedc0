"""LangGraph: a compiled graph, or any LangChain runnable, as a skill, and skills as its tools.

    langgraph.serve(graph, "researcher").run()

A graph whose state has `messages` takes text and answers with its last
message; any other takes and gives its state, with its schema. As a task its
words stream, its nodes are told as status, and `interrupt` asks the task's
caller. A graph with a checkpointer of its own uses it, one thread for each
conversation (`context_id`); without one its steps are kept with the task.
"""

from typing import Any, Unpack, get_type_hints, is_typeddict

from trunkline import payloads
from trunkline.adapters.asking import Answers, answer_of, question_of, recall, remember
from trunkline.adapters.langgraph_saver import make_saver
from trunkline.adapters.loading import need
from trunkline.adapters.offering import Guest, Offer, offer
from trunkline.adapters.running import conversation
from trunkline.adapters.shapes import shaped
from trunkline.adapters.skill_tools import SkillTool, complaint, skill_tools, words
from trunkline.adapters.telling import Teller
from trunkline.agent import Agent
from trunkline.client import Client
from trunkline.context import Context
from trunkline.protocol.errors import CallTimeoutError, RunLimitError, TrunklineError

_EXTRA = "langgraph"
_MESSAGES = "messages"


def serve(
    guest: Any, agent: Agent | str | None = None, *, skill: str | None = None, config: dict[str, Any] | None = None, **options: Unpack[Offer]
) -> Agent:  # fmt: skip
    """Offer a graph or runnable as a skill of `agent`, or of a new agent of that name; returns the agent.

    `config` is a `RunnableConfig` for each run, such as `{"recursion_limit": 50}`.
    `prepare` and `extract` stand between the skill's input and output and the graph's.
    """
    need("langgraph", _EXTRA)
    is_graph = hasattr(guest, "aget_state")
    takes, gives = (_schema(guest, side) for side in ("input", "output"))
    talks = is_graph and _MESSAGES in takes.get("properties", {})

    async def run(payload: Any, ctx: Context) -> Any:
        kind = _GraphRun if is_graph else _Run
        return await kind(guest, config or {}, ctx, options).run(payload)

    return offer(
        Guest(
            name="" if guest.get_name() == "LangGraph" else guest.get_name(), description="", run=run,
            input_type=str if talks else shaped(takes),
            output_type=str if talks else shaped(gives), errors=_errors(),
        ),
        agent, skill, options,
    )  # fmt: skip


async def tools(client: Client | Context, **wanted: Any) -> list[Any]:
    """Return skills as LangChain tools; for what can be said about `wanted` see `skill_tools`.

    What goes wrong is told to the model as the tool's result, with the status `error`.
    """
    library = need("langchain_core.tools", _EXTRA)
    told_error = library.ToolException

    def made(tool: SkillTool) -> Any:
        async def call(**arguments: Any) -> str:
            try:
                return words(await tool(**arguments))
            except TrunklineError as error:
                raise told_error(complaint(error)) from error

        return library.StructuredTool(
            name=tool.name, description=tool.description, args_schema=tool.schema, coroutine=call,
            handle_tool_error=True, metadata={"skill": tool.skill.name},
        )  # fmt: skip

    return [made(tool) for tool in await skill_tools(client, **wanted)]


class _Run:
    """One run of a runnable."""

    def __init__(self, guest: Any, config: dict[str, Any], context: Context, options: Offer) -> None:
        self._guest = guest
        self._context = context
        self._options = options
        self._teller = Teller(context)
        self._config = config | {
            "metadata": {
                "correlation_id": context.correlation_id, "traceparent": context.traceparent, **config.get("metadata", {}),
            }
        }  # fmt: skip

    async def run(self, payload: Any) -> Any:
        given = self._given(payload)
        if not self._teller.on_record:
            return self._answer(await self._guest.ainvoke(given, self._config))
        whole: Any = None
        async for piece in self._guest.astream(given, self._config):
            whole = piece if whole is None else whole + piece
            await self._teller.word(_words(piece))
        return await self._teller.done(self._answer(whole))

    def _given(self, payload: Any) -> Any:
        return self._options["prepare"](payload) if "prepare" in self._options else payload

    def _answer(self, output: Any) -> Any:
        if "extract" in self._options:
            return self._options["extract"](output)
        return output if isinstance(output, str) else _words(output) or output


class _GraphRun(_Run):
    """One run of a graph: begun, or gone on with from its last checkpoint."""

    _speaking: str | None = None

    async def run(self, payload: Any) -> Any:
        answers = Answers(self._context)
        kept = await recall(self._context)
        graph = await self._with_checkpoints(kept, answers)
        given: Any = self._begin(payload)
        if kept is not None:
            await answers.skip(kept["used"])
            given = await self._resumed(graph, answers) if answers.fresh > 0 else None
            if given is None and not await self._has_begun(graph):
                given = self._begin(payload)
        while True:
            asked = await self._told(graph, given)
            if not asked:
                return await self._done(graph)
            given = await self._resumed(graph, answers)

    def _begin(self, payload: Any) -> Any:
        if "prepare" in self._options:
            return self._options["prepare"](payload)
        if isinstance(payload, str):
            return {_MESSAGES: [("user", payload)]}
        return payload if isinstance(payload, dict) else _plain(payload)

    async def _with_checkpoints(self, kept: Any, answers: Answers) -> Any:
        """Return the graph with the checkpointer that it has, or with one that keeps its steps with the task."""
        thread = conversation(self._context)
        self._own = self._guest.checkpointer not in {None, False}
        self._answers = answers
        graph = self._guest
        if not self._own:
            thread = self._context.task.id if self._teller.on_record else self._context.id
            spaces = {} if kept is None else kept["graph"]
            graph = self._guest.copy(update={"checkpointer": make_saver(spaces, self._keep)})
        elif kept is None:
            await remember(self._context, {"used": 0})  # from here on the thread holds this task's run
        inner = {"thread_id": thread} | self._config.get("configurable", {})
        self._config = self._config | {"configurable": inner}
        return graph

    async def _keep(self, spaces: dict[str, Any]) -> None:
        await remember(self._context, {"used": self._answers.used, "graph": spaces})

    async def _has_begun(self, graph: Any) -> bool:
        state = await graph.aget_state(self._config)
        return bool(state.next) or bool(state.values)

    async def _resumed(self, graph: Any, answers: Answers) -> Any:
        """Ask what the graph wants to know, one question after the other, and return the answer as its next input."""
        pending = (await graph.aget_state(self._config)).interrupts
        if not pending:
            return None
        command = need("langgraph.types", _EXTRA).Command
        given = {pending[0].id: answer_of(await answers.ask(question_of(pending[0].value)))}
        if self._own:
            await remember(self._context, {"used": answers.used})
        return command(resume=given)

    async def _told(self, graph: Any, given: Any) -> bool:
        """Run until the graph ends or asks; returns whether it asks."""
        modes = ["updates", "messages"] if self._teller.on_record else ["updates"]
        asked = False
        async for mode, piece in graph.astream(given, self._config, stream_mode=modes):
            if mode == "messages":
                await self._hear(*piece)
            elif "__interrupt__" in piece:
                asked = True
            elif self._teller.on_record:
                await self._context.task.status(f"{', '.join(piece)} done")
        return asked

    async def _hear(self, message: Any, about: dict[str, Any]) -> None:
        """Pass on what a model says; another node, or one that says something new, begins anew."""
        if message.type not in {"AIMessageChunk", "ai"}:
            return
        if message.id != self._speaking:
            self._speaking = message.id
            self._teller.begin()
        for call in getattr(message, "tool_calls", []):
            if call.get("name"):
                await self._teller.step(f"{about.get('langgraph_node', 'graph')}: using {call['name']}")
        await self._teller.word(_words(message))

    async def _done(self, graph: Any) -> Any:
        state = (await graph.aget_state(self._config)).values
        return await self._teller.done(self._answer(state))

    def _answer(self, output: Any) -> Any:
        if "extract" in self._options:
            return self._options["extract"](output)
        if isinstance(output, dict) and output.get(_MESSAGES):
            return _words(output[_MESSAGES][-1])
        chosen = self._guest.output_channels
        return {name: output[name] for name in chosen if name in output} if isinstance(chosen, list | tuple) else output


def _plain(payload: Any) -> Any:
    """Return a typed payload as the plain data that a graph's state is made of."""
    return payload.model_dump() if payloads.is_pydantic(type(payload)) else payload


def _words(message: Any) -> str:
    """Return what a message says, without thoughts and tool calls."""
    if isinstance(message, str):
        return message
    content = getattr(message, "content", "")
    if isinstance(content, str):
        return content
    blocks = [block if isinstance(block, str) else block.get("text", "") for block in content]
    return "".join(blocks)


def _schema(guest: Any, side: str) -> dict[str, Any]:
    """Return the schema of what goes in or comes out; an empty one where Pydantic cannot describe it."""
    pydantic = need("pydantic", _EXTRA)
    state = getattr(getattr(guest, "builder", None), f"{side}_schema", None)
    try:
        if is_typeddict(state):  # made anew, since Pydantic refuses those of `typing` before Python 3.12
            return _slim(pydantic.TypeAdapter(_made_anew(state)).json_schema())
        return _slim(getattr(guest, f"get_{side}_jsonschema")())
    except pydantic.errors.PydanticUserError:
        return {}


def _made_anew(state: Any) -> Any:
    extensions = need("typing_extensions", _EXTRA)
    kinds = get_type_hints(state)
    fields = {
        name: kind if name in state.__required_keys__ else extensions.NotRequired[kind] for name, kind in kinds.items()
    }
    return extensions.TypedDict(state.__name__, fields)


def _slim(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with its root spelled out: a bare reference is no object to those who only look at `type`."""
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rsplit("/", 1)[-1]
    others = {key: value for key, value in schema.get("$defs", {}).items() if key != name}
    root: dict[str, Any] = schema["$defs"][name]
    return root | ({"$defs": others} if others else {})


def _errors() -> dict[type[Exception], type[TrunklineError]]:
    errors = need("langgraph.errors", _EXTRA)
    return {errors.GraphRecursionError: RunLimitError, errors.NodeTimeoutError: CallTimeoutError}
