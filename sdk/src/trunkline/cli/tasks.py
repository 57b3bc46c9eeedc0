"""`trunkline tasks …`."""

from typing import Any

import click
import msgspec

from trunkline.cli.output import Screen, ago, parse_data
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.errors import CallFailedError
from trunkline.protocol.resources import Task, TaskStep
from trunkline.protocol.tasks import INTERRUPTED, TERMINAL, Part, TaskMessage

_COLUMNS = ("id", "skill", "agent", "state", "progress", "caller", "changed")
_STATES = ("submitted", "working", "input-required", "auth-required", "completed", "failed", "canceled", "rejected")
_SHOWN = 400


@click.group()
def tasks() -> None:
    """Long work of agents: start it, follow it, answer its questions, call it off."""


@tasks.command("start")
@click.argument("skill")
@click.argument("data", required=False)
@click.option("--text", help="Say it in words instead of DATA.")
@click.option("--agent", help="Only this agent.")
@click.option("--context", "context_id", help="Id of the conversation that it belongs to.")
@click.option("--watch", is_flag=True, help="Follow it until it ends or waits for you.")
@with_client
async def start_task(
    client: Client, screen: Screen, skill: str, data: str | None, text: str | None, agent: str | None,
    context_id: str | None, watch: bool,
) -> None:  # fmt: skip
    """Start a task of SKILL with DATA (JSON, @file, or - for standard input)."""
    task = await client.tasks.start(skill, **_content(data, text), agent=agent, context_id=context_id)
    if watch:
        await _follow(client, screen, task.id)
    else:
        _describe(screen, task)


@tasks.command("list")
@click.option("--state", "task_state", type=click.Choice(_STATES), help="Only tasks in this state.")
@click.option("--skill", help="Only tasks of this skill.")
@click.option("--agent", help="Only tasks of this agent.")
@click.option("--caller", help="Only tasks that this principal started.")
@click.option("--context", "context_id", help="Only tasks of this conversation.")
@click.option("--limit", default=20, show_default=True, help="Most to show.")
@with_client
async def list_tasks(client: Client, screen: Screen, /, **filters: Any) -> None:
    """List tasks, those that changed last first."""
    page = await client.tasks.list(**filters)
    screen.table(page, _COLUMNS, [_row(task) for task in page.items], empty="There are no tasks.")


@tasks.command("show")
@click.argument("task_id", metavar="ID")
@with_client
async def show_task(client: Client, screen: Screen, task_id: str) -> None:
    """Show a task: what was said, what came of it."""
    _describe(screen, await client.tasks.get(task_id))


@tasks.command("watch")
@click.argument("task_id", metavar="ID")
@with_client
async def watch_task(client: Client, screen: Screen, task_id: str) -> None:
    """Follow a task until it ends or waits for you; fails when the task does."""
    await _follow(client, screen, task_id)


@tasks.command("reply")
@click.argument("task_id", metavar="ID")
@click.argument("data", required=False)
@click.option("--text", help="Say it in words instead of DATA.")
@click.option("--watch", is_flag=True, help="Follow it until it ends or waits for you again.")
@with_client
async def reply_to_task(
    client: Client, screen: Screen, task_id: str, data: str | None, text: str | None, watch: bool
) -> None:
    """Give a task the answer that it waits for: DATA (JSON, @file, -) or --text."""
    task = await client.tasks.reply(task_id, **_content(data, text))
    if watch:
        await _follow(client, screen, task.id)
    else:
        _describe(screen, task)


@tasks.command("cancel")
@click.argument("task_id", metavar="ID")
@click.option("--reason", default="", help="Said to whoever works on it.")
@with_client
async def cancel_task(client: Client, screen: Screen, task_id: str, reason: str) -> None:
    """Call a task off."""
    _describe(screen, await client.tasks.cancel(task_id, reason))


@tasks.command("save")
@click.argument("task_id", metavar="ID")
@click.argument("artifact", metavar="ARTIFACT")
@click.argument("path", type=click.Path(dir_okay=False))
@with_client
async def save_artifact(client: Client, screen: Screen, task_id: str, artifact: str, path: str) -> None:
    """Write an artifact of a task, by its id or name, to PATH; large ones as they come."""
    task = await client.tasks.get(task_id)
    found = next((one for one in task.artifacts if artifact in {one.id, one.name}), None)
    if found is None:
        names = ", ".join(one.name or one.id for one in task.artifacts) or "none"
        raise click.BadParameter(f"the task has no artifact {artifact!r}; it has {names}")
    size = 0
    with open(path, "wb") as file:  # noqa: ASYNC230, PTH123 -- a command line program writes its own file
        for part in found.parts:
            size += await _write(client, part, file)
    screen.show({"path": path, "bytes": size}, f"{size:,} bytes written to {path}")


async def _follow(client: Client, screen: Screen, task_id: str) -> None:
    async for seen in client.tasks.follow(task_id):
        if screen.as_json:
            screen.json(seen)
        elif isinstance(seen, TaskStep):
            _tell(screen, seen)
        state = seen.status.state if isinstance(seen, Task) else seen.event.state
        if state in TERMINAL or state in INTERRUPTED:
            break
    task = await client.tasks.get(task_id)
    if not screen.as_json:
        _describe(screen, task)
    if task.status.state == "failed":
        raise CallFailedError(task.error.detail if task.error else "The task failed")


def _tell(screen: Screen, step: TaskStep) -> None:
    event = step.event
    if event.progress is not None:
        screen.say(f"  {event.progress.fraction:4.0%} {event.progress.message}")
    elif event.artifact is not None:
        screen.say(f"  artifact {event.artifact.name or event.artifact.id}")
    elif event.state is not None:
        screen.say(f"  {event.state}" + (f": {event.message.text}" if event.message else ""))


def _describe(screen: Screen, task: Task) -> None:
    if screen.as_json:
        screen.json(task)
        return
    screen.table(task, _COLUMNS, [_row(task)], empty="")
    for message in [*task.history, *([task.status.message] if task.status.message else [])]:
        screen.say(f"{message.role}: {_words(message)}")
    for artifact in task.artifacts:
        screen.say(f"artifact {artifact.name or artifact.id}: {_contents(artifact.parts)}")
    if task.error is not None:
        screen.say(f"error: {task.error.detail}")


def _content(data: str | None, text: str | None) -> dict[str, Any]:
    if text is not None:
        return {"parts": [Part(text=text)]}
    return {} if data is None else {"input": parse_data(data)}


def _row(task: Task) -> tuple[object, ...]:
    progress = f"{task.progress.fraction:.0%} {task.progress.message}".strip() if task.progress else ""
    return task.id, task.skill, task.agent, task.status.state, progress, task.caller, ago(task.updated_at)


def _words(message: TaskMessage) -> str:
    return _contents(message.parts)


def _contents(parts: list[Part]) -> str:
    words = "".join(_content_of(part) for part in parts)
    return words if len(words) <= _SHOWN else words[:_SHOWN] + "…"


def _content_of(part: Part) -> str:
    if part.text is not None:
        return part.text
    if part.data is not msgspec.UNSET:
        return msgspec.json.encode(part.data).decode()
    return f"[{part.media_type or 'bytes'} at {part.dataref or part.url}]" if part.raw is None else "[bytes]"


async def _write(client: Client, part: Part, file: Any) -> int:
    if part.dataref is None:
        raw = part.raw if part.raw is not None else _content_of(part).encode()
        return int(file.write(raw))
    size = 0
    async for piece in await client.blobs.at(part.dataref):
        size += int(file.write(piece))
    return size
