import { Button, Select, TextInput } from "@mantine/core";
import { useState } from "react";

import { useDeclare } from "~/api/event-types";
import { problemOf } from "~/api/problem";
import { Actions, ErrorState, Form, FormWide, JsonField, Panel, toast } from "~/design";

import { schemaOf } from "./schema-text";
import type { Given } from "./schema-text";

type Policy = "open" | "warn" | "enforce";

interface DeclareProps {
  onClose: () => void;
  onDeclared: (name: string) => void;
}

export function Declare({ onClose, onDeclared }: DeclareProps) {
  const declare = useDeclare();
  const [name, setName] = useState("");
  const [owner, setOwner] = useState("");
  const [description, setDescription] = useState("");
  const [policy, setPolicy] = useState<Policy>("open");
  const [text, setText] = useState("");
  const given: Given = text.trim() === "" ? {} : schemaOf(text);
  return (
    <Panel title="Declare a type" label="Declare a type">
      <Form
        label="Declare a type"
        onClose={onClose}
        onSubmit={() => {
          if (given.wrong !== undefined) return;
          const declaration = { owner, description, policy, ...(given.schema === undefined ? {} : { schema: given.schema }) };
          declare.mutate(
            { name: name.trim(), declaration },
            {
              onSuccess: () => {
                toast("ok", `${name.trim()} is declared`);
                onClose();
                onDeclared(name.trim());
              },
            },
          );
        }}
      >
        <Field label="Name" placeholder="order.created" required value={name} onValue={setName} />
        <Field label="Owner" placeholder="shop" value={owner} onValue={setOwner} />
        <Field label="Description" placeholder="When it is published" value={description} onValue={setDescription} />
        <Select
          label="Policy"
          size="xs"
          allowDeselect={false}
          data={["open", "warn", "enforce"]}
          value={policy}
          onChange={(value) => {
            setPolicy(value as Policy);
          }}
        />
        <FormWide>
          <JsonField
          label="JSON Schema"
          placeholder={'{"type": "object", "properties": {"id": {"type": "integer"}}}'}
          error={given.wrong}
          value={text}
          onChange={setText}
        />
        </FormWide>
        <Actions>
          <Button type="submit" loading={declare.isPending} disabled={name.trim() === "" || given.wrong !== undefined}>
            Declare
          </Button>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
        </Actions>
      </Form>
      {declare.isError && <ErrorState compact problem={problemOf(declare.error)} />}
    </Panel>
  );
}

interface FieldProps {
  label: string;
  placeholder: string;
  required?: boolean;
  value: string;
  onValue: (value: string) => void;
}

function Field({ onValue, ...rest }: FieldProps) {
  return (
    <TextInput
      size="xs"
      {...rest}
      onChange={(event) => {
        onValue(event.currentTarget.value);
      }}
    />
  );
}
