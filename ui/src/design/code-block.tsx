import type { ReactNode } from "react";

import css from "./code-block.module.css";
import { CopyButton } from "./copy-button";
import { JsonText } from "./json-text";

/** Above this, colouring costs more than it helps. */
const COLOURED_CHARS = 50_000;

interface CodeBlockProps {
  text: string;
  /** What it is, for the copy button and for those who cannot see it. */
  what: string;
  language?: "json" | "text";
  /** At the left of the copy button. */
  aside?: ReactNode;
  tone?: "danger";
  wrap?: boolean;
}

export function CodeBlock({ text, what, language = "text", aside, tone, wrap = false }: CodeBlockProps) {
  const coloured = language === "json" && text.length <= COLOURED_CHARS;
  return (
    <div className={css.block} data-tone={tone}>
      <div className={css.tools}>
        {aside}
        <CopyButton text={text} what={what} />
      </div>
      {/* Scrolls, so the keyboard must reach it. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className={css.text} data-wrap={wrap} aria-label={what} tabIndex={0}>
        {coloured ? <JsonText text={text} /> : text}
      </pre>
    </div>
  );
}

/** A value as indented JSON. */
export function JsonBlock({ value, what, aside }: { value: unknown; what: string; aside?: ReactNode }) {
  return <CodeBlock text={JSON.stringify(value, null, 2)} what={what} language="json" aside={aside} />;
}
