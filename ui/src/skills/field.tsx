import { NumberInput, Select, Switch, TextInput, Textarea } from "@mantine/core";
import { useState } from "react";

import { JsonField } from "~/design";

import { ArrayField, ObjectField } from "./nested";
import { describes, isLong, resolved, shapeOf, titleOf } from "./schema";
import type { Schema, Shape } from "./schema";

export interface FieldProps {
  name: string;
  schema: Schema;
  root: Schema;
  value: unknown;
  required: boolean;
  /** Where it stands in the input, as problems name it. */
  pointer: string;
  wrong: Record<string, string>;
  depth: number;
  onValue: (value: unknown) => void;
}

/** One field of a form made from a schema. What is left empty is left out. */
export function Field(props: FieldProps) {
  const schema = resolved(props.schema, props.root);
  const shape = shapeOf(schema, props.depth);
  if (shape.kind === "object") return <ObjectField {...props} schema={schema} fields={shape.fields} />;
  if (shape.kind === "array") return <ArrayField {...props} schema={schema} items={shape.items} />;
  if (shape.kind === "json") return <JsonInput {...props} schema={schema} />;
  return <Simple {...props} schema={schema} shape={shape} />;
}

function Simple({ name, schema, shape, value, required, pointer, wrong, onValue }: FieldProps & { shape: Shape }) {
  const about = {
    size: "xs" as const,
    label: titleOf(schema, name),
    description: describes(schema) || undefined,
    error: wrong[pointer],
    withAsterisk: required,
  };
  if (shape.kind === "boolean") {
    return (
      <Switch
        {...about}
        checked={value === true}
        onChange={(event) => {
          onValue(event.currentTarget.checked);
        }}
      />
    );
  }
  if (shape.kind === "choice") {
    const data = shape.values.map((one) => JSON.stringify(one));
    return (
      <Select
        {...about}
        clearable={!required}
        data={data.map((one, index) => ({ value: one, label: labelOf(shape.values[index]) }))}
        value={value == null && !shape.values.includes(null) ? null : JSON.stringify(value)}
        onChange={(chosen) => {
          onValue(chosen === null ? undefined : (JSON.parse(chosen) as unknown));
        }}
      />
    );
  }
  if (shape.kind === "number") {
    return (
      <NumberInput
        {...about}
        hideControls
        allowDecimal={!shape.whole}
        placeholder={rangeOf(shape)}
        value={typeof value === "number" || typeof value === "string" ? value : ""}
        onChange={(typed) => {
          onValue(typed === "" ? undefined : typed);
        }}
      />
    );
  }
  const typed = (text: string) => {
    // What is required may be empty; what is optional and empty is not there.
    onValue(text === "" && !required ? undefined : text);
  };
  const text = typeof value === "string" ? value : "";
  if (isLong(name, shape)) {
    return <Textarea {...about} autosize minRows={2} maxRows={10} value={text} onChange={(event) => { typed(event.currentTarget.value); }} />;
  }
  return (
    <TextInput
      {...about}
      autoComplete="off"
      spellCheck={false}
      placeholder={shape.kind === "text" ? shape.format : ""}
      value={text}
      onChange={(event) => {
        typed(event.currentTarget.value);
      }}
    />
  );
}

function labelOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function rangeOf(shape: Shape): string {
  if (shape.kind !== "number") return "";
  const { least, most } = shape;
  if (least !== undefined && most !== undefined) return `${String(least)} to ${String(most)}`;
  if (least !== undefined) return `at least ${String(least)}`;
  return most === undefined ? "" : `at most ${String(most)}`;
}

/** What no form can be drawn for, as JSON. Only what can be read is taken over. */
function JsonInput({ name, schema, value, required, pointer, wrong, onValue }: FieldProps) {
  const [text, setText] = useState(() => (value === undefined ? "" : JSON.stringify(value, null, 2)));
  return (
    <JsonField
      label={titleOf(schema, name)}
      description={describes(schema) || "JSON"}
      withAsterisk={required}
      error={wrong[pointer]}
      validationError="This is not JSON"
      value={text}
      onChange={(typed) => {
        setText(typed);
        if (typed.trim() === "") onValue(undefined);
        else if (isJson(typed)) onValue(JSON.parse(typed) as unknown);
      }}
    />
  );
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
