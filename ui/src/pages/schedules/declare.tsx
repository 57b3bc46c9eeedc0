import { Button, TextInput } from "@mantine/core";
import { useState } from "react";

import { besides, fieldErrors } from "~/api/problem";
import { useDeclareSchedule } from "~/api/schedules";
import { Actions, ErrorState, Form, FormWide, Panel, toast } from "~/design";

import { Fields } from "./fields";
import { EMPTY, POINTERS, declarationOf, wrongData } from "./form";

interface DeclareScheduleProps {
  onClose: () => void;
  onDeclared: (name: string) => void;
}

/** A new schedule; the next times are shown before anything is stored. */
export function DeclareSchedule({ onClose, onDeclared }: DeclareScheduleProps) {
  const declare = useDeclareSchedule();
  const [name, setName] = useState("");
  const [typed, setTyped] = useState(EMPTY);
  const wrong = fieldErrors(declare.error);
  const rest = besides(declare.error, POINTERS);
  const wanted = name.trim();
  const ready = wanted !== "" && typed.cron.trim() !== "" && typed.target.trim() !== "" && wrongData(typed.data) === null;
  return (
    <Panel title="Declare a schedule" label="Declare a schedule">
      <Form
        label="Declare a schedule"
        onClose={onClose}
        onSubmit={() => {
          if (!ready) return;
          declare.mutate(
            { name: wanted, declaration: declarationOf(typed, null) },
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
            placeholder="morning-report"
            required
            error={wrong["/name"]}
            value={name}
            onChange={(event) => {
              setName(event.currentTarget.value);
            }}
          />
        </FormWide>
        <Fields
          typed={typed}
          wrong={wrong}
          onTyped={(more) => {
            setTyped({ ...typed, ...more });
            if (declare.isError) declare.reset();
          }}
        />
        {rest && (
          <FormWide>
            <ErrorState compact problem={rest} />
          </FormWide>
        )}
        <Actions>
          <Button type="submit" loading={declare.isPending} disabled={!ready}>
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
