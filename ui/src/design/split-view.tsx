import { ActionIcon, Tooltip } from "@mantine/core";
import { X } from "lucide-react";
import { useEffect, useRef } from "react";
import type { ReactNode } from "react";

import { CopyButton } from "./copy-button";
import css from "./split-view.module.css";

/** As in the style sheet: the panel takes the list's place, and begins at its top. */
const IN_PLACE_OF_LIST = "(max-width: 1239px)";

interface SplitViewProps {
  /** The list, with its header. */
  children: ReactNode;
  /** What is open; beside the list, or in its place where it is narrow. */
  detail: ReactNode | null;
  onClose: () => void;
}

/** A list, and beside it what is open in it. Escape closes. */
export function SplitView({ children, detail, onClose }: SplitViewProps) {
  const open = detail !== null;
  useCloseOnEscape(open ? onClose : null);
  return (
    <div className={css.page} data-open={open}>
      <div className={css.list}>{children}</div>
      {detail}
    </div>
  );
}

interface SidePanelProps {
  label: string;
  title: ReactNode;
  badge?: ReactNode;
  onClose: () => void;
  testId?: string;
  id?: string;
  children: ReactNode;
}

/** The panel of a `SplitView`: a title, a link to it, a way to close it. */
export function SidePanel({ label, title, badge, onClose, testId, id, children }: SidePanelProps) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    if (window.matchMedia(IN_PLACE_OF_LIST).matches) panel.current?.scrollIntoView({ block: "start" });
  }, []);
  return (
    <aside ref={panel} className={css.panel} aria-label={label} data-testid={testId} data-id={id}>
      <header className={css.head}>
        <h2 className={css.title}>{title}</h2>
        {badge}
        <span className={css.tools}>
          <CopyButton text={window.location.href} what="link" />
          <Tooltip label="Close (Esc)">
            <ActionIcon size="sm" aria-label="Close" onClick={onClose}>
              <X size={16} />
            </ActionIcon>
          </Tooltip>
        </span>
      </header>
      <div className={css.body}>{children}</div>
    </aside>
  );
}

/** A part of a panel with a heading of its own. */
export function PanelSection({ title, aside, children }: { title: ReactNode; aside?: ReactNode; children: ReactNode }) {
  return (
    <section>
      <h3 className={css.heading}>
        {title}
        {aside}
      </h3>
      {children}
    </section>
  );
}

function useCloseOnEscape(close: (() => void) | null): void {
  useEffect(() => {
    if (close === null) return undefined;
    const onKey = (event: KeyboardEvent) => {
      const busy = document.querySelector("[role=dialog], [aria-haspopup][aria-expanded=true]") !== null;
      if (event.key === "Escape" && !event.defaultPrevented && !busy) close();
    };
    window.addEventListener("keydown", onKey);
    return () => {
      window.removeEventListener("keydown", onKey);
    };
  }, [close]);
}
