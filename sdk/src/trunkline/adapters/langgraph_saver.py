"""LangGraph's checkpoints kept with the task: whatever process goes on, goes on from the last step."""

import base64
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from trunkline.adapters.loading import need

Keep = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]


def make_saver(state: dict[str, Any], keep: Keep) -> Any:
    """Return a checkpointer of one run: `state` is what was kept last, `keep` saves it anew after each step."""
    base = need("langgraph.checkpoint.base", "langgraph")
    saver = type("TaskSaver", (TaskSaver, base.BaseCheckpointSaver), {})()
    saver.open(base, state, keep)
    return saver


class TaskSaver:
    """The latest checkpoint of the graph and of each of its subgraphs, with the writes pending on it."""

    serde: Any

    def open(self, base: Any, state: dict[str, Any], keep: Keep) -> None:
        """Begin with what was kept."""
        self._base = base
        self._spaces = state
        self._keep = keep

    async def aget_tuple(self, config: Any) -> Any:
        """Return the latest checkpoint of the graph that is asked for."""
        inner = config["configurable"]
        name = inner.get("checkpoint_ns", "")
        space = self._spaces.get(name)
        if space is None or not space["id"] or inner.get("checkpoint_id") not in {None, "", space["id"]}:
            return None
        return self._base.CheckpointTuple(
            config=_place(inner["thread_id"], name, space["id"]),
            checkpoint=self._read(space["checkpoint"]),
            metadata=self._read(space["metadata"]),
            parent_config=None,
            pending_writes=[
                (task, channel, self._read(value))
                for task, _index, channel, value in space["writes"].get(space["id"], [])
            ],
        )

    async def alist(self, config: Any, **_lookup: Any) -> AsyncIterator[Any]:
        """Yield the only checkpoint there is."""
        found = None if config is None else await self.aget_tuple(config)
        if found is not None:
            yield found

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, _new_versions: Any) -> Any:
        """Keep a step of a graph; a subgraph's run under an earlier step is over, and in this one."""
        inner = config["configurable"]
        name = inner.get("checkpoint_ns", "")
        early = self._spaces.get(name, {"writes": {}})["writes"].get(checkpoint["id"], [])
        self._spaces[name] = {
            "id": checkpoint["id"], "parent": metadata.get("parents", {}).get(""),
            "checkpoint": self._write(checkpoint),
            "metadata": self._write(self._base.get_checkpoint_metadata(config, metadata)), "writes": {checkpoint["id"]: early},
        }  # fmt: skip
        if not name:
            for inside in [key for key, space in self._spaces.items() if _is_over(key, space, checkpoint["id"])]:
                del self._spaces[inside]
        await self._keep(self._spaces)
        return _place(inner["thread_id"], name, checkpoint["id"])

    async def aput_writes(
        self, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, _task_path: str = ""
    ) -> None:
        """Keep what a node has written before its step is over: it need not run again."""
        inner = config["configurable"]
        absent: dict[str, Any] = {"id": "", "parent": None, "writes": {}}
        space = self._spaces.setdefault(inner.get("checkpoint_ns", ""), absent)
        step = inner["checkpoint_id"]  # it may come before its checkpoint does
        for place, (channel, value) in enumerate(writes):
            index = self._base.WRITES_IDX_MAP.get(channel, place)
            others = [write for write in space["writes"].get(step, []) if (write[0], write[1]) != (task_id, index)]
            space["writes"][step] = [*others, [task_id, index, channel, self._write(value)]]
        await self._keep(self._spaces)

    def get_next_version(self, current: Any, _channel: None) -> int:
        """Return the version that follows."""
        return int(current or 0) + 1

    def _write(self, value: Any) -> list[str]:
        kind, raw = self.serde.dumps_typed(value)
        return [kind, base64.b64encode(raw).decode()]

    def _read(self, kept: Any) -> Any:
        return self.serde.loads_typed((kept[0], base64.b64decode(kept[1])))


def _is_over(name: str, space: dict[str, Any], step: str) -> bool:
    """Whether a subgraph ran for one node of an earlier step: its name ends with the id of that node's run."""
    return ":" in name and bool(space["id"]) and space["parent"] != step


def _place(thread: str, space: str, checkpoint: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": space, "checkpoint_id": checkpoint}}
