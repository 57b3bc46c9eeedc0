import { useMemo, useState } from "react";
import { Link } from "react-router";

import type { MapEdge, MapNode } from "~/api/resources";

import css from "./drawing.module.css";
import { NODE, layout, lineOf, pairKey } from "./layout";
import type { Layout, Place } from "./layout";
import { edgeWords, pageOf, toneOf } from "./words";

const MARGIN = 16;
const LOOP_ROOM = 40;
const NAME_CHARS = 20;
/** Smaller than this share of its size it cannot be read, and is scrolled instead. */
const SMALLEST = 0.55;

interface DrawingProps {
  nodes: MapNode[];
  edges: MapEdge[];
}

/** The map itself. What it shows is in the table below, too. */
export function Drawing({ nodes, edges }: DrawingProps) {
  const [near, setNear] = useState<string | null>(null);
  // Who works with whom decides where things stand; how much does not, so nothing jumps.
  const key = JSON.stringify([nodes.map(({ id }) => id).sort(), edges.map(({ source, target }) => `${source} ${target}`).sort()]);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the key says when it is another picture
  const plan = useMemo(() => layout(nodes, edges), [key]);
  const width = plan.width + 2 * MARGIN;
  const loops = edges.some(({ source, target }) => (plan.places.get(target)?.x ?? 0) <= (plan.places.get(source)?.x ?? 0));
  const height = plan.height + 2 * MARGIN + (loops ? LOOP_ROOM : 0);
  const lit = (edge: MapEdge) => near === null || edge.source === near || edge.target === near;
  const litNodes = new Set(edges.filter(lit).flatMap(({ source, target }) => [source, target]));
  const drawn = [...edges].sort((a, b) => a.error_rate - b.error_rate);
  return (
    <div className={css.scroll}>
      <svg
        className={css.map}
        viewBox={`${String(-MARGIN)} ${String(-MARGIN)} ${String(width)} ${String(height)}`}
        style={{ maxWidth: width, minWidth: width * SMALLEST }}
        role="group"
        aria-label="Map of agents"
      >
        <defs>
          {(["ok", "warn", "danger"] as const).map((tone) => (
            <marker key={tone} id={`tip-${tone}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">
              <path d="M0 0.5 L8 4 L0 7.5 z" className={css.tip} data-tone={tone} />
            </marker>
          ))}
        </defs>
        {plan.quietAt !== null && (
          <text x={0} y={plan.quietAt + 10} className={css.quiet}>
            Nothing lately
          </text>
        )}
        {drawn.map((edge) => (
          <Line key={`${edge.source} ${edge.target} ${edge.kind}`} edge={edge} plan={plan} dim={!lit(edge)} />
        ))}
        {nodes.map((node) => {
          const place = plan.places.get(node.id);
          return (
            place && (
              <Box key={node.id} node={node} place={place} dim={near !== null && near !== node.id && !litNodes.has(node.id)} onNear={setNear} />
            )
          );
        })}
      </svg>
    </div>
  );
}

function Line({ edge, plan, dim }: { edge: MapEdge; plan: Layout; dim: boolean }) {
  const from = plan.places.get(edge.source);
  const to = plan.places.get(edge.target);
  if (from === undefined || to === undefined) return null;
  const path = lineOf(from, to, plan.ways.get(pairKey(edge.source, edge.target)));
  const tone = toneOf(edge);
  const width = 1 + Math.min(4, Math.log10(1 + edge.rate * 10));
  return (
    <g className={css.edge} data-tone={tone} data-dim={dim} data-testid="map-edge">
      <title>{edgeWords(edge)}</title>
      <path d={path} className={css.reach} />
      <path d={path} className={css.line} strokeWidth={width} markerEnd={`url(#tip-${tone})`} />
      {/* The busier, the faster; the pace changes in steps, for a new one makes it jump. */}
      <path d={path} className={css.flow} strokeWidth={width + 0.5} style={{ animationDuration: `${String(paceOf(edge.rate))}s` }} />
    </g>
  );
}

function paceOf(rate: number): number {
  if (rate >= 100) return 0.5;
  if (rate >= 10) return 0.9;
  return rate >= 1 ? 1.6 : 3;
}

interface BoxProps {
  node: MapNode;
  place: Place;
  dim: boolean;
  onNear: (id: string | null) => void;
}

function Box({ node, place, dim, onNear }: BoxProps) {
  const page = pageOf(node.id);
  const name = node.title || node.name;
  const shown = name.length > NAME_CHARS ? `${name.slice(0, NAME_CHARS - 1)}…` : name;
  const under = node.kind === "agent" ? [node.state, node.version].filter(Boolean).join(" · ") : node.kind;
  const body = (
    <>
      <title>{`${node.kind} ${node.name}${node.state ? `, ${node.state}` : ""}`}</title>
      <rect width={NODE.width} height={NODE.height} rx={node.kind === "queue" ? 4 : 9} className={css.box} />
      <circle cx={16} cy={NODE.height / 2} r={4} className={css.dot} />
      <text x={28} y={17} className={css.name}>
        {shown}
      </text>
      <text x={28} y={31} className={css.under}>
        {under}
      </text>
    </>
  );
  const show = () => {
    onNear(node.id);
  };
  const hide = () => {
    onNear(null);
  };
  return (
    <g
      className={css.node}
      style={{ transform: `translate(${String(place.x)}px, ${String(place.y)}px)` }}
      data-kind={node.kind}
      data-state={node.state}
      data-dim={dim}
      data-testid="map-node"
      data-id={node.id}
      onMouseEnter={show}
      onMouseLeave={hide}
    >
      {page === null ? (
        body
      ) : (
        <Link to={page} aria-label={`${node.kind} ${node.name}${node.state ? `, ${node.state}` : ""}`} onFocus={show} onBlur={hide}>
          {body}
        </Link>
      )}
    </g>
  );
}
