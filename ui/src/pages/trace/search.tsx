import { Button, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { useNavigate } from "react-router";

import type { TraceKey } from "~/api/traces";

import css from "./page.module.css";

const KINDS: { value: TraceKey; label: string }[] = [
  { value: "message", label: "Message id" },
  { value: "correlation", label: "Correlation id" },
  { value: "trace", label: "Trace id" },
];

/** The address of a trace. */
export function traceAddress(by: TraceKey, id: string): string {
  return `/trace/${encodeURIComponent(id)}${by === "message" ? "" : `?by=${by}`}`;
}

export function TraceSearch({ by, id }: { by: TraceKey; id: string }) {
  const navigate = useNavigate();
  const [kind, setKind] = useState(by);
  const [text, setText] = useState(id);
  return (
    <form
      className={css.search}
      role="search"
      aria-label="Find a trace"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() !== "") void navigate(traceAddress(kind, text.trim()));
      }}
    >
      <Select
        aria-label="Find by"
        size="xs"
        className={css.by}
        allowDeselect={false}
        data={KINDS}
        value={kind}
        onChange={(value) => {
          setKind(value as TraceKey);
        }}
      />
      <TextInput
        data-filter
        aria-label="Id to look for"
        placeholder="01a203ae-1307-…"
        size="xs"
        className={css.id}
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
        }}
      />
      <Button type="submit" variant="default">
        Trace
      </Button>
    </form>
  );
}
