import { Button, TextInput } from "@mantine/core";
import { useState } from "react";

import { besides, fieldErrors } from "~/api/problem";
import { useDeclareQueue } from "~/api/queue-control";
import { Actions, ErrorState, Form, FormWide, Panel, Quiet, toast } from "~/design";

import { FIELDS, changes } from "./fields";
import type { Texts } from "./fields";
import { SettingInputs } from "./setting-inputs";

const POINTERS = ["/name", ...FIELDS.map(({ pointer }) => pointer)];

interface DeclareQueueProps {
  onClose: () => void;
  onDeclared: (name: string) => void;
}

/** A new queue; a name that exists already is changed where something is typed. */
export function DeclareQueue({ onClose, onDeclared }: DeclareQueueProps) {
  const declare = useDeclareQueue();
  const [name, setName] = useState("");
  const [texts, setTexts] = useState<Texts>({});
  const wrong = fieldErrors(declare.error);
  const rest = besides(declare.error, POINTERS);
  const wanted = name.trim();
  return (
    <Panel title="Declare a queue" label="Declare a queue" aside={<Quiet>What is left empty takes the default.</Quiet>}>
      <Form
        label="Declare a queue"
        onClose={onClose}
        onSubmit={() => {
          declare.mutate(
            { name: wanted, declaration: changes(texts, null) },
            {
              onSuccess: () => {
                toast("ok", `${wanted} is declared`);
                onClose();
                onDeclared(wanted);
              },
            },
          );
        }}
      >
        <FormWide>
          <TextInput
            size="xs"
            label="Name"
            placeholder="invoices"
            required
            error={wrong["/name"]}
            value={name}
            onChange={(event) => {
              setName(event.currentTarget.value);
            }}
          />
        </FormWide>
        <SettingInputs
          texts={texts}
          wrong={wrong}
          placeholder="default"
          onText={(pointer, text) => {
            setTexts({ ...texts, [pointer]: text });
          }}
        />
        {rest && (
          <FormWide>
            <ErrorState compact problem={rest} />
          </FormWide>
        )}
        <Actions>
          <Button type="submit" loading={declare.isPending} disabled={wanted === ""}>
            Declare
          </Button>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
        </Actions>
      </Form>
    </Panel>
  );
}
