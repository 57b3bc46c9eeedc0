import { Button } from "@mantine/core";
import { useState } from "react";

import { useDenied } from "~/api/permission";
import { besides, fieldErrors } from "~/api/problem";
import type { Schedule } from "~/api/resources";
import { useDeclareSchedule } from "~/api/schedules";
import { Actions, Disclosure, ErrorState, Form, FormWide, PanelSection, Quiet, toast } from "~/design";

import { Fields } from "./fields";
import { POINTERS, declarationOf, typedOf, wrongData } from "./form";

/** Change a schedule; from then on its messages carry the name of who did. */
export function EditSchedule({ schedule: { name, declaration } }: { schedule: Schedule }) {
  const denied = useDenied("schedules:write");
  const declare = useDeclareSchedule();
  const [typed, setTyped] = useState(() => typedOf(declaration));
  if (denied !== undefined) return null;
  const rest = besides(declare.error, POINTERS);
  const ready = typed.cron.trim() !== "" && typed.target.trim() !== "" && wrongData(typed.data) === null;
  return (
    <PanelSection title="Change it">
      <Disclosure summary="Expression, target, data">
        <Form
          label="Change the schedule"
          onSubmit={() => {
            if (!ready) return;
            declare.mutate(
              { name, declaration: declarationOf(typed, declaration) },
              {
                onSuccess: () => {
                  toast("ok", `${name} is changed`);
                },
              },
            );
          }}
        >
          <Fields
            typed={typed}
            wrong={fieldErrors(declare.error)}
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
              Save changes
            </Button>
            <Quiet>Its messages will carry your name.</Quiet>
          </Actions>
        </Form>
      </Disclosure>
    </PanelSection>
  );
}
