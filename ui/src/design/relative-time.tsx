import { Tooltip } from "@mantine/core";
import { useSyncExternalStore } from "react";

import { ago, ahead, moment } from "./format";

const TICK_MS = 1000;
let now = Date.now();
let timer: number | undefined;
const listeners = new Set<() => void>();

/** One clock for every time on the page. */
function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= window.setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    window.clearInterval(timer);
    timer = undefined;
  };
}

function current(): number {
  if (timer === undefined) now = Date.now();
  return now;
}

/** How long ago something was. */
export function RelativeTime({ at }: { at: string }) {
  return <Ticking at={at} words={ago} />;
}

/** How long until something is due. */
export function DueTime({ at }: { at: string }) {
  return <Ticking at={at} words={ahead} />;
}

function Ticking({ at, words }: { at: string; words: (at: string, now_ms: number) => string }) {
  const text = useSyncExternalStore(subscribe, () => words(at, current()));
  return (
    <Tooltip label={moment(at)}>
      <time dateTime={at} style={{ whiteSpace: "nowrap" }}>
        {text}
      </time>
    </Tooltip>
  );
}
