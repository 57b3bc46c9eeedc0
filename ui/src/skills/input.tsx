import { SegmentedControl, Select } from "@mantine/core";
import { useState } from "react";

import { JsonField } from "~/design";

import { Field, isJson } from "./field";
import { resolved, shapeOf } from "./schema";
import type { Schema } from "./schema";
import css from "./skills.module.css";

interface SchemaInputProps {
  /** What it must fit; null where nobody says. */
  schema: Schema | null;
  examples?: unknown[];
  /** What it is, where it is shown whole. */
  label?: string;
  denied?: boolean;
  value: unknown;
  /** undefined while what is typed cannot be read. */
  onValue: (value: unknown, readable: boolean) => void;
  wrong: Record<string, string>;
}

/** What fits a schema: a form where it can be drawn, and always as JSON. */
export function SchemaInput({ schema: given, examples = [], label = "Input", denied = false, value, onValue, wrong }: SchemaInputProps) {
  const root: Schema = given ?? {};
  const schema = resolved(root, root);
  const drawn = shapeOf(schema, 0).kind !== "json";
  const [asJson, setAsJson] = useState(!drawn);
  const [text, setText] = useState(() => textOf(value));
  const [version, setVersion] = useState(0);
  return (
    <>
      <div className={css.tools}>
        {examples.length > 0 && (
          <Select
            size="xs"
            aria-label="Example"
            placeholder="Begin with an example"
            data={examples.map((one, index) => ({ value: String(index), label: shortOf(one) }))}
            value={null}
            onChange={(chosen) => {
              const example = examples[Number(chosen)];
              setText(textOf(example));
              setVersion(version + 1);
              onValue(example, true);
            }}
          />
        )}
        {drawn && (
          <SegmentedControl
            size="xs"
            aria-label={`${label} as`}
            disabled={denied}
            data={["Form", "JSON"]}
            value={asJson ? "JSON" : "Form"}
            onChange={(kind) => {
              setText(textOf(value));
              setVersion(version + 1);
              setAsJson(kind === "JSON");
              onValue(value, true);
            }}
          />
        )}
      </div>
      {asJson ? (
        <JsonField
          label={label}
          disabled={denied}
          error={Object.entries(wrong).map(([pointer, detail]) => `${pointer} ${detail}`).join("; ") || undefined}
          placeholder={drawn ? undefined : "JSON, or nothing"}
          validationError="This is not JSON"
          value={text}
          onChange={(typed) => {
            setText(typed);
            if (typed.trim() === "") onValue(null, true);
            else onValue(isJson(typed) ? (JSON.parse(typed) as unknown) : value, isJson(typed));
          }}
        />
      ) : (
        <fieldset className={css.fields} disabled={denied}>
          <Field
            key={version}
            name={label.toLowerCase()}
            schema={root}
            root={root}
            value={value}
            required
            pointer=""
            wrong={wrong}
            depth={0}
            onValue={(next) => {
              onValue(next, true);
            }}
          />
        </fieldset>
      )}
    </>
  );
}

function textOf(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value, null, 2);
}

function shortOf(example: unknown): string {
  const text = typeof example === "string" ? example : JSON.stringify(example);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
