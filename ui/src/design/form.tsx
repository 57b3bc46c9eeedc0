import { JsonInput } from "@mantine/core";
import type { JsonInputProps } from "@mantine/core";
import { useEffect, useRef } from "react";
import type { ReactNode } from "react";

import css from "./form.module.css";

interface FormProps {
  label: string;
  onSubmit: () => void;
  /** Escape, where the form can be put away; its first field is then focused as it appears. */
  onClose?: () => void;
  children: ReactNode;
}

/** Fields in two columns, in one where it is narrow. */
export function Form({ label, onSubmit, onClose, children }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  const appears = onClose !== undefined;
  useEffect(() => {
    if (appears) form.current?.querySelector<HTMLElement>("input:not([type=radio]), textarea")?.focus();
  }, [appears]);
  return (
    // Escape is the keyboard's way to the "Cancel" button that such a form has.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <form
      ref={form}
      className={css.form}
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
      onKeyDown={(event) => {
        const busy = event.currentTarget.querySelector("[aria-expanded=true]") !== null;
        if (event.key !== "Escape" || onClose === undefined || busy) return;
        event.stopPropagation();
        onClose();
      }}
    >
      {children}
    </form>
  );
}

/** The whole width of a form. */
export function FormWide({ children }: { children: ReactNode }) {
  return <div className={css.wide}>{children}</div>;
}

/** Buttons beside each other, and what is to be said of them. */
export function Actions({ children, label }: { children: ReactNode; label?: string }) {
  return (
    <div className={css.actions} role={label === undefined ? undefined : "group"} aria-label={label}>
      {children}
    </div>
  );
}

/** Where JSON is typed. */
export function JsonField(props: JsonInputProps) {
  return (
    <JsonInput size="xs" autosize minRows={3} maxRows={18} spellCheck={false} classNames={{ input: css.code ?? "" }} {...props} />
  );
}
