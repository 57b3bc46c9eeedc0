"""`trunkline trace`: the path of a message, drawn as a tree with bars."""

from collections.abc import Iterator
from datetime import datetime

import click
from rich.text import Text

from trunkline.cli.output import Screen
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.resources import Handling, Span, Trace, TraceNode

_BAR_CHARS = 32
_NAME_CHARS = 52
_STYLES = {"handled": "green", "failed": "yellow", "dead": "red", "expired": "red", "waiting": "cyan"}
_MS_PER_S = 1000
_MARKS = {"sent": "·", "dead_letter": "✝", "redrive": "↻"}


@click.command()
@click.argument("message_id", metavar="ID", required=False)
@click.option("--correlation", "correlation_id", help="Everything with this correlation id.")
@click.option("--trace-id", help="Everything with this W3C trace id.")
@with_client
async def trace(
    client: Client, screen: Screen, message_id: str | None, correlation_id: str | None, trace_id: str | None
) -> None:
    """Follow the message ID: what led to it, who handled it, how long, what it caused."""
    if sum(given is not None for given in (message_id, correlation_id, trace_id)) != 1:
        raise click.UsageError("Give a message's ID, --correlation or --trace-id, one of them.")
    found = await client.trace(message_id, correlation_id=correlation_id, trace_id=trace_id)
    if screen.as_json:
        screen.json(found)
        return
    for line in draw(found):
        screen.text(line)


def draw(found: Trace) -> Iterator[Text]:
    """Yield a trace line by line: trees on the left, bars of the time they took on the right."""
    for above in found.ancestors:
        yield Text("↑ ", style="dim").append(_title(above)).append(f"  {above.id}", style="dim")
    scale = _Scale(found.timeline)
    for root in found.roots:
        yield from _node(root, "", "", scale)
    notes = [f"{found.messages} messages, {_span(scale.total_ms)}"]
    if found.truncated:
        notes.append("there is more than is shown")
    if found.behind:
        notes.append(f"{found.behind} messages are not indexed yet and may belong here")
    yield Text("; ".join(notes), style="dim")


class _Scale:
    """Where on the bar a moment lies."""

    def __init__(self, timeline: list[Span]) -> None:
        self._begin = datetime.fromisoformat(timeline[0].start) if timeline else None
        self.total_ms = max((span.offset_ms + span.duration_ms for span in timeline), default=0.0) or 1.0

    def bar(self, start: str, duration_ms: float, *, mark: str = "") -> str:
        """Return a bar from `start` for `duration_ms`; a moment is a mark."""
        assert self._begin is not None
        offset = (datetime.fromisoformat(start) - self._begin).total_seconds() * _MS_PER_S
        at = min(_BAR_CHARS - 1, max(0, int(offset / self.total_ms * _BAR_CHARS)))
        width = max(1, min(_BAR_CHARS - at, round(duration_ms / self.total_ms * _BAR_CHARS)))
        return (" " * at + (mark or "█" * width)).ljust(_BAR_CHARS)


def _node(node: TraceNode, lead: str, branch: str, scale: _Scale) -> Iterator[Text]:
    sent = node.sent_at or node.stored_at
    bar = scale.bar(sent, 0, mark=_MARKS["sent"]) if sent else " " * _BAR_CHARS
    yield _line(lead + branch, _title(node), bar, "dim", f"from {node.sender or '?'}  {node.id}")
    inner = lead + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
    rail = inner + ("│  " if node.children else "   ")
    for handling in node.handlings:
        style = _STYLES.get(handling.outcome, "")
        bar = scale.bar(handling.started_at, handling.duration_ms)
        yield _line(rail, _who(handling), bar, style, _result(handling))
    for letter in node.dead_letters:
        bar = scale.bar(letter.died_at, 0, mark=_MARKS["dead_letter"])
        yield _line(rail, f"dead letter of {letter.reader}", bar, "red", f"{letter.reason}  {letter.id or ''}")
        if letter.redriven_at is not None:
            bar = scale.bar(letter.redriven_at, 0, mark=_MARKS["redrive"])
            yield _line(rail, f"redriven to {letter.reader}", bar, "cyan", f"by {letter.redriven_by}")
    for waiting in node.waiting:
        state = "in a worker's hands" if waiting.state == "in_flight" else "waits"
        yield _line(rail, waiting.group, " " * _BAR_CHARS, "cyan", state)
    for child in node.children:
        yield from _node(child, inner, "└─ " if child is node.children[-1] else "├─ ", scale)


def _line(lead: str, name: str, bar: str, style: str, rest: str) -> Text:
    room = max(8, _NAME_CHARS - len(lead))
    shown = name if len(name) <= room else name[: room - 1] + "…"
    return Text(lead, style="dim").append(shown.ljust(room)).append(f" {bar} ", style=style).append(rest, style="dim")


def _title(node: TraceNode) -> str:
    about = f" about {node.subject}" if node.subject else ""
    return f"{node.kind} {node.type or '?'}{about}"


def _who(handling: Handling) -> str:
    lane = "" if handling.lane == "call" else f"{handling.lane} "
    again = f" #{handling.attempt}" if handling.attempt > 1 else ""
    return f"{lane}{handling.reader}{again}: {handling.agent} {handling.version}"


def _result(handling: Handling) -> str:
    error = f"  {handling.error}" if handling.error else ""
    return f"{handling.outcome} in {_span(handling.duration_ms)}{error}"


def _span(ms: float) -> str:
    return f"{ms / _MS_PER_S:.1f} s" if ms >= _MS_PER_S else f"{ms:.1f} ms"
