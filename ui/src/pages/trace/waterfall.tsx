import { useState } from "react";
import type { KeyboardEvent } from "react";

import { format } from "~/design";

import { LineFacts } from "./facts";
import { errorOf, outcome, toneOf, what, who } from "./lines";
import type { Line } from "./lines";
import css from "./waterfall.module.css";
import { scaleOf } from "./scale";
import type { Scale } from "./scale";

const STEPS: Record<string, number> = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };

/** Every line with its bar on one time scale; the one pointed at, or else in focus, is told in full. */
export function Waterfall({ lines }: { lines: Line[] }) {
  const [chosen, setChosen] = useState(lines[0]?.key);
  const [pointed, setPointed] = useState<string | null>(null);
  const scale = scaleOf(lines);
  const told = lines.find(({ key }) => key === (pointed ?? chosen)) ?? lines[0];
  const reachable = lines.some(({ key }) => key === chosen) ? chosen : lines[0]?.key;

  const onKeyDown = (event: KeyboardEvent<HTMLOListElement>) => {
    const rows = [...event.currentTarget.querySelectorAll<HTMLElement>("button")];
    const at = rows.indexOf(event.target as HTMLElement);
    const edge = event.key === "Home" ? rows[0] : event.key === "End" ? rows.at(-1) : undefined;
    const next = edge ?? rows[at + (STEPS[event.key] ?? Number.NaN)];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
  };

  return (
    <div className={css.columns}>
      <div className={css.chart}>
        <Axis scale={scale} />
        {/* Its rows are buttons; the arrows walk them. */}
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
        <ol
          className={css.lines}
          aria-label="Waterfall"
          onKeyDown={onKeyDown}
          onMouseLeave={() => {
            setPointed(null);
          }}
        >
          {lines.map((line) => (
            <li key={line.key}>
              <button
                type="button"
                className={css.line}
                data-kind={line.kind}
                data-testid="trace-line"
                aria-label={sentence(line)}
                aria-current={line.key === told?.key ? "true" : undefined}
                tabIndex={line.key === reachable ? 0 : -1}
                onFocus={() => {
                  setChosen(line.key);
                  setPointed(null);
                }}
                onMouseEnter={() => {
                  setPointed(line.key);
                }}
              >
                <Label line={line} />
                <Bar line={line} scale={scale} />
              </button>
            </li>
          ))}
        </ol>
      </div>
      {told && <LineFacts line={told} />}
    </div>
  );
}

function sentence(line: Line): string {
  const took = line.kind === "handling" ? ` in ${format.duration(line.handling.duration_ms)}` : "";
  return `${what(line)}, ${who(line)}: ${outcome(line)}${took}${errorOf(line) && `, ${errorOf(line)}`}`;
}

function Label({ line }: { line: Line }) {
  const steps = line.depth + (line.kind === "message" ? 0 : 1);
  return (
    <span className={css.label} style={{ paddingLeft: `${String(Math.min(steps, 12) * 14)}px` }}>
      <span className={css.dot} data-tone={toneOf(line)} data-kind={line.kind} />
      <span className={css.what} title={what(line)}>
        {line.kind === "message" ? (
          <>
            <span className={css.kind}>{line.node.kind}</span> {line.node.type || line.node.id}
          </>
        ) : (
          what(line)
        )}
      </span>
      <span className={css.who}>{who(line)}</span>
    </span>
  );
}

function Bar({ line, scale }: { line: Line; scale: Scale }) {
  if (line.start === null) return <span className={css.track} />;
  const from = scale.at(line.start);
  const to = line.kind === "waiting" ? 100 : scale.at(line.end ?? line.start);
  const isMoment = line.kind === "message" || line.kind === "dead" || line.kind === "redrive";
  return (
    <span className={css.track}>
      {scale.folds.map((fold) => (
        <span key={fold.from} className={css.fold} style={{ left: percent(fold.from), width: percent(fold.width) }} />
      ))}
      <span
        className={isMoment ? css.moment : css.bar}
        data-tone={toneOf(line)}
        data-open={line.kind === "waiting"}
        style={isMoment ? { left: percent(from) } : { left: percent(from), width: percent(to - from) }}
      />
      {line.kind === "handling" && (
        <span className={css.took} data-side={to > 78 ? "left" : "right"} style={to > 78 ? { right: percent(100 - from) } : { left: percent(to) }}>
          {format.duration(line.handling.duration_ms)}
        </span>
      )}
    </span>
  );
}

function Axis({ scale }: { scale: Scale }) {
  return (
    <div className={css.axis} aria-hidden>
      <span />
      <span className={css.track}>
        {scale.ticks.map(({ at, ms }) => (
          <span key={at} className={css.tick} style={{ left: percent(at) }}>
            {ms === 0 ? "0" : format.duration(ms)}
          </span>
        ))}
        {scale.folds.map((fold) => (
          <span key={fold.from} className={css.gap} style={{ left: percent(fold.from), width: percent(fold.width) }}>
            ⋯
          </span>
        ))}
      </span>
    </div>
  );
}

function percent(value: number): string {
  return `${value.toFixed(3)}%`;
}
