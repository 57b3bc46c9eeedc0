import type { ReactNode } from "react";

import css from "./code-block.module.css";

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** JSON text with its keys, strings, numbers and words coloured. */
export function JsonText({ text }: { text: string }) {
  const parts: ReactNode[] = [];
  let from = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [token, string, colon] = match;
    parts.push(text.slice(from, match.index));
    const shown = string ?? token;
    parts.push(
      <span key={match.index} className={css[kind(string, colon, token)]}>
        {shown}
      </span>,
      colon ?? "",
    );
    from = match.index + token.length;
  }
  parts.push(text.slice(from));
  return <>{parts}</>;
}

function kind(string: string | undefined, colon: string | undefined, token: string): string {
  if (string !== undefined) return colon === undefined ? "string" : "key";
  return /^[tfn]/.test(token) ? "word" : "number";
}
