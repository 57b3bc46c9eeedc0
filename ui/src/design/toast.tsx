import { Notification } from "@mantine/core";
import { Check, TriangleAlert } from "lucide-react";
import { useSyncExternalStore } from "react";
import type { ReactNode } from "react";

import css from "./toast.module.css";

interface Toast {
  id: number;
  tone: "ok" | "danger";
  title: string;
  detail: ReactNode;
}

const SHOWN_MS = 6000;
let toasts: Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function set(next: Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

function dismiss(id: number): void {
  set(toasts.filter((each) => each.id !== id));
}

/** Take away what is said: it is another user's now. */
export function dismissAll(): void {
  set([]);
}

/** Say what was done, for a few seconds. */
export function toast(tone: Toast["tone"], title: string, detail?: ReactNode): void {
  lastId += 1;
  const id = lastId;
  set([...toasts, { id, tone, title, detail }]);
  window.setTimeout(() => {
    dismiss(id);
  }, SHOWN_MS);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Where toasts appear; once, at the root. */
export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className={css.toasts} role="status" aria-live="polite">
      {shown.map((each) => (
        <Notification
          key={each.id}
          className={css.toast}
          title={each.title}
          color={`var(--tl-${each.tone})`}
          icon={each.tone === "ok" ? <Check size={14} /> : <TriangleAlert size={14} />}
          closeButtonProps={{ "aria-label": "Dismiss" }}
          onClose={() => {
            dismiss(each.id);
          }}
        >
          {each.detail}
        </Notification>
      ))}
    </div>
  );
}
