"""Graphs that a test looks into: what ran is written to a file. Arguments: prefix of names, file."""

import asyncio
import operator
import os
import sys
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt

import trunkline as tl
from trunkline.adapters import langgraph

PREFIX, LOG = sys.argv[1], Path(sys.argv[2])


class State(TypedDict, total=False):
    topic: str
    notes: Annotated[list[str], operator.add]


def note(state: State, word: str) -> None:
    with LOG.open("a") as file:
        file.write(f"{state['topic']} {word}\n")


def graph(*nodes: Any, parallel: bool = False, state: Any = State, **options: Any) -> Any:
    made = StateGraph(state)
    for node in nodes:
        made.add_node(node.__name__, node)
    names = [node.__name__ for node in nodes]
    if parallel:
        for name in names:
            made.add_edge(START, name)
            made.add_edge(name, END)
    else:
        for before, after in zip([START, *names], [*names, END], strict=True):
            made.add_edge(before, after)
    return made.compile(**options)


def first(state: State) -> State:
    note(state, "first")
    return {"notes": [f"about {state['topic']}"]}


def ask(state: State) -> State:
    colour = interrupt("Which colour?")
    size = interrupt({"question": "Which size?", "sizes": [1, 2]})
    note(state, "asked")
    return {"notes": [f"{colour} {size}"]}


def left(state: State) -> State:
    return {"notes": [f"left {interrupt('left?')}"]}


def right(state: State) -> State:
    return {"notes": [f"right {interrupt('right?')}"]}


async def fall(state: State) -> State:
    """Die once, after the step before has been kept."""
    if f"{state['topic']} fall" not in LOG.read_text():
        note(state, "fall")
        await asyncio.sleep(0.5)
        os._exit(9)
    return {"notes": ["got up"]}


async def stay(state: State) -> State:
    note(state, "stay")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        note(state, "stopped")
        raise
    return {}


def again(state: State) -> State:
    return {"notes": [state["topic"]]}


def hear(state: MessagesState) -> dict[str, Any]:
    return {"messages": [("ai", f"{len(state['messages'])} so far")]}


def inside(state: State) -> State:
    return {"notes": [f"in {interrupt('inside?')}"]}


looping = StateGraph(State)
looping.add_node("again", again)
looping.set_entry_point("again")
looping.add_edge("again", "again")

agent = tl.Agent(PREFIX)
for name, guest in {
    "ask": graph(first, ask),
    "both": graph(left, right, parallel=True),
    "fall": graph(first, fall),
    "stay": graph(stay),
    "own": graph(first, ask, checkpointer=InMemorySaver()),
    "thread": graph(hear, state=MessagesState, checkpointer=InMemorySaver()),
    "chain": RunnableLambda(lambda text: f"{text}!").with_types(input_type=str, output_type=str),
}.items():
    langgraph.serve(guest, agent, skill=f"{PREFIX}.{name}", task=True)
outer = StateGraph(State)
outer.add_node("first", first)
outer.add_node("sub", graph(inside))
outer.add_edge(START, "first")
outer.add_edge("first", "sub")
langgraph.serve(outer.compile(), agent, skill=f"{PREFIX}.nested", task=True)
langgraph.serve(looping.compile(), agent, skill=f"{PREFIX}.loop", config={"recursion_limit": 5})
langgraph.serve(graph(first), agent, skill=f"{PREFIX}.state", description="Makes notes")


async def main() -> None:
    ready = asyncio.Event()
    serving = asyncio.ensure_future(agent.serve(ready=ready))
    await ready.wait()
    print("ready", flush=True)
    await serving


asyncio.run(main())
