"""The map of agents and the traffic between them; what an agent did last."""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime

from trunkline.protocol.errors import AgentUnknownError, FieldError, RequestInvalidError
from trunkline.protocol.resources import Handled, HandledPage, MapEdge, MapNode, TrafficMap
from trunkline_hub.agents.model.roster import Member
from trunkline_hub.core.clock import Clock, rfc3339
from trunkline_hub.insights.events import TrafficWatch
from trunkline_hub.insights.model import WINDOWS, Edge, Recent, Roster, Tally, Traffic, ends_of, span_s
from trunkline_hub.insights.ports import Catalogue

MAX_QUIET = 400
"""Agents without traffic that are drawn; a map of thousands tells nobody anything."""
_FRESH_S = 1.0


class Insights:
    """Answers how a workspace's agents work with each other."""

    def __init__(self, clock: Clock, catalogue: Catalogue, watch: TrafficWatch) -> None:
        self._clock = clock
        self._catalogue = catalogue
        self.watch = watch
        self._rosters: dict[str, tuple[float, Roster]] = {}

    async def map(self, workspace: str, window_s: int) -> TrafficMap:
        """Return who sent what to whom in the last `window_s` seconds.

        Raises:
            RequestInvalidError, BusUnavailableError
        """
        if window_s not in WINDOWS:
            offered = ", ".join(str(window) for window in WINDOWS)
            raise RequestInvalidError(errors=[FieldError("/window_s", f"one of {offered}")])
        traffic, behind = await self.watch.of(workspace)
        roster = await self._roster(workspace)
        now = self._clock.now()
        now_us = int(now.timestamp() * 1e6)
        edges = _edges(traffic, roster, now_us, window_s)
        nodes, quiet = _nodes(edges, roster)
        return TrafficMap(
            window_s=window_s, at=rfc3339(now), nodes=nodes, edges=edges, quiet=quiet, behind=behind,
            untold=traffic.untold_over(now_us, window_s),
        )  # fmt: skip

    async def recent(self, workspace: str, agent: str, limit: int) -> HandledPage:
        """Return what an agent handled last, the newest first.

        Raises:
            AgentUnknownError, BusUnavailableError
        """
        roster = await self._roster(workspace)
        if agent not in roster.members:
            roster = await self._roster(workspace, fresh=True)
        if agent not in roster.members:
            raise AgentUnknownError(f"There is no agent {agent!r} in workspace {workspace!r}")
        traffic, _behind = await self.watch.of(workspace)
        kept = sorted(traffic.recent.get(agent, ()), key=lambda one: -one.receipt.started_us)
        return HandledPage(items=[_handled(one, roster) for one in kept[:limit]])

    async def _roster(self, workspace: str, *, fresh: bool = False) -> Roster:
        """Return who there is; asked for once a second, however many look."""
        now = asyncio.get_running_loop().time()
        at, roster = self._rosters.get(workspace, (0.0, None))
        if fresh or roster is None or now - at > _FRESH_S:
            roster = Roster(await self._catalogue.members(workspace))
            self._rosters[workspace] = (now, roster)
        return roster


def _edges(traffic: Traffic, roster: Roster, now_us: int, window_s: int) -> list[MapEdge]:
    """Return the edges between nodes; several actors may be one node."""
    joined: dict[tuple[str, str, str], list[Edge]] = defaultdict(list)
    for key, edge in traffic.edges.items():
        joined[(*ends_of(key, roster), key.kind)].append(edge)
    found = [_edge(ends, edges, now_us, window_s) for ends, edges in sorted(joined.items())]
    return [edge for edge in found if edge is not None]


def _edge(ends: tuple[str, str, str], edges: list[Edge], now_us: int, window_s: int) -> MapEdge | None:
    total = Tally()
    for edge in edges:
        total.join(edge.over(now_us, window_s))
    if total.count == 0:
        return None
    names = list(dict.fromkeys(name for edge in edges for name in edge.shown_names))
    return MapEdge(
        source=ends[0], target=ends[1], kind=ends[2], names=names,  # type: ignore[arg-type]
        count=round(total.count), failed=round(total.failed), rate=round(total.count / span_s(now_us, window_s), 3),
        error_rate=round(total.failed / total.count, 4), p50_ms=total.quantile_ms(0.5), p95_ms=total.quantile_ms(0.95),
        last_at=_moment(max(edge.last_us for edge in edges)),
    )  # fmt: skip


def _nodes(edges: list[MapEdge], roster: Roster) -> tuple[list[MapNode], int]:
    busy = {end for edge in edges for end in (edge.source, edge.target)}
    nodes = [_node(ident, roster) for ident in sorted(busy)]
    idle = [member for member in roster.members.values() if f"agent:{member.name}" not in busy]
    nodes += [_agent(member) for member in idle[:MAX_QUIET]]
    return nodes, max(0, len(idle) - MAX_QUIET)


def _node(ident: str, roster: Roster) -> MapNode:
    kind, _, name = ident.partition(":")
    if kind == "agent":
        return _agent(roster.members[name])
    return MapNode(id=ident, kind="queue" if kind == "queue" else "principal", name=name)


def _agent(member: Member) -> MapNode:
    return MapNode(
        id=f"agent:{member.name}", kind="agent", name=member.name, state=member.state, version=member.version,
        title=member.title, origin=member.origin, instances=member.instances,
    )  # fmt: skip


def _handled(one: Recent, roster: Roster) -> Handled:
    receipt = one.receipt
    return Handled(
        id=receipt.id, type=receipt.type, lane=one.lane, reader=one.reader, sender=roster.node_of(one.sender),  # type: ignore[arg-type]
        instance=one.instance, outcome=receipt.outcome, attempt=receipt.attempt,
        started_at=_moment(receipt.started_us), duration_ms=round(receipt.duration_us / 1000, 3),
    )  # fmt: skip


def _moment(micros: int) -> str:
    try:
        return rfc3339(datetime.fromtimestamp(micros / 1e6, UTC))
    except (OverflowError, ValueError, OSError):  # a worker's own word, which may be nonsense
        return rfc3339(datetime.fromtimestamp(0, UTC))
