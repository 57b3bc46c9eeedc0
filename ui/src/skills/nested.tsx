import { ActionIcon, Button } from "@mantine/core";
import { Plus, X } from "lucide-react";

import { Quiet } from "~/design";

import { Field } from "./field";
import type { FieldProps } from "./field";
import { below, beginning, describes, titleOf, without } from "./schema";
import type { Schema, Shape } from "./schema";
import css from "./skills.module.css";

type Fields = Extract<Shape, { kind: "object" }>["fields"];

/** Fields within a field; the outermost needs no frame. */
export function ObjectField(props: FieldProps & { fields: Fields }) {
  const { name, schema, root, value, required, pointer, wrong, depth, fields, onValue } = props;
  const known = isRecord(value) ? value : {};
  if (depth > 0 && !required && value === undefined) {
    return (
      <Absent title={titleOf(schema, name)} about={describes(schema)} onAdd={() => { onValue(beginning({ ...schema, default: undefined }, root, depth) ?? {}); }} />
    );
  }
  const inside = fields.map((field) => (
    <Field
      key={field.name}
      name={field.name}
      schema={field.schema}
      root={root}
      value={known[field.name]}
      required={field.required}
      pointer={below(pointer, field.name)}
      wrong={wrong}
      depth={depth + 1}
      onValue={(next) => {
        onValue(next === undefined ? without(known, field.name) : { ...known, [field.name]: next });
      }}
    />
  ));
  if (depth === 0) return <>{inside}</>;
  return (
    <fieldset className={css.group}>
      <legend className={css.legend}>
        {titleOf(schema, name)}
        {!required && <Remove what={titleOf(schema, name)} onRemove={() => { onValue(undefined); }} />}
      </legend>
      {describes(schema) !== "" && <Quiet>{describes(schema)}</Quiet>}
      {wrong[pointer] !== undefined && <p className={css.wrong} role="alert">{wrong[pointer]}</p>}
      {inside}
    </fieldset>
  );
}

export function ArrayField(props: FieldProps & { items: Schema }) {
  const { name, schema, root, value, required, pointer, wrong, depth, items, onValue } = props;
  const known = Array.isArray(value) ? (value as unknown[]) : [];
  const title = titleOf(schema, name);
  const set = (next: unknown[]) => {
    onValue(next.length === 0 && !required ? undefined : next);
  };
  return (
    <fieldset className={css.group}>
      <legend className={css.legend}>
        {title}
        {required && <span className={css.asterisk} aria-hidden> *</span>}
      </legend>
      {describes(schema) !== "" && <Quiet>{describes(schema)}</Quiet>}
      {wrong[pointer] !== undefined && <p className={css.wrong} role="alert">{wrong[pointer]}</p>}
      {known.map((one, index) => (
        <div key={index} className={css.item}>
          <Field
            name={`${title} ${String(index + 1)}`}
            schema={items}
            root={root}
            value={one}
            required
            pointer={below(pointer, index)}
            wrong={wrong}
            depth={depth + 1}
            onValue={(next) => {
              set(known.map((old, place) => (place === index ? (next ?? null) : old)));
            }}
          />
          <Remove what={`${title} ${String(index + 1)}`} onRemove={() => { set(known.filter((_, place) => place !== index)); }} />
        </div>
      ))}
      <Add title={title} onAdd={() => { set([...known, beginning(items, root, depth + 1) ?? ""]); }} />
    </fieldset>
  );
}

function Absent({ title, about, onAdd }: { title: string; about: string; onAdd: () => void }) {
  return (
    <div className={css.absent}>
      <Add title={title} onAdd={onAdd} />
      {about !== "" && <Quiet>{about}</Quiet>}
    </div>
  );
}

function Add({ title, onAdd }: { title: string; onAdd: () => void }) {
  return (
    <Button variant="default" size="compact-xs" className={css.add} leftSection={<Plus size={12} />} aria-label={`Add to ${title}`} onClick={onAdd}>
      {title}
    </Button>
  );
}

function Remove({ what, onRemove }: { what: string; onRemove: () => void }) {
  return (
    <ActionIcon size="sm" aria-label={`Remove ${what}`} onClick={onRemove}>
      <X size={13} />
    </ActionIcon>
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
