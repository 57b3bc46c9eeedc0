import { Button } from "@mantine/core";
import { useState } from "react";

import { useMay } from "~/api/permissions";
import { besides, fieldErrors } from "~/api/problem";
import { useDeclareQueue } from "~/api/queue-control";
import type { Queue } from "~/api/resources";
import { Actions, ErrorState, Form, Lacks, PanelSection, Quiet, Wide, toast } from "~/design";

import { changes, fieldsOf, textsOf } from "./fields";
import type { Texts } from "./fields";
import { SettingInputs } from "./setting-inputs";

/** Its settings, changed while it lives: workers and senders take a change up by themselves. */
export function Settings({ queue }: { queue: Queue }) {
  const declare = useDeclareQueue();
  const may = useMay("queues:write");
  // Only what was typed: what others change meanwhile is shown, and not written back.
  const [typed, setTyped] = useState<Texts>({});
  const fields = fieldsOf(queue);
  const texts = { ...textsOf(queue), ...typed };
  const declaration = changes(fields, texts, queue);
  const changed = Object.keys(declaration).length > 0;
  const rest = besides(declare.error, fields.map(({ pointer }) => pointer));
  return (
    <PanelSection title="Settings" aside={may && <Quiet>A change takes effect at once.</Quiet>}>
      <Form
        label="Settings"
        onSubmit={() => {
          if (!changed) return;
          declare.mutate(
            { name: queue.name, declaration },
            {
              onSuccess: () => {
                setTyped({});
                toast("ok", `${queue.name} has new settings`);
              },
            },
          );
        }}
      >
        {!may && (
          <Wide>
            <Lacks scope="queues:write" to="change settings" />
          </Wide>
        )}
        <SettingInputs
          fields={fields}
          texts={texts}
          wrong={fieldErrors(declare.error)}
          disabled={!may}
          onText={(pointer, text) => {
            setTyped({ ...typed, [pointer]: text });
            if (declare.isError) declare.reset();
          }}
        />
        {rest && (
          <Wide>
            <ErrorState compact problem={rest} />
          </Wide>
        )}
        {may && (
          <Actions>
            <Button type="submit" loading={declare.isPending} disabled={!changed}>
              Save settings
            </Button>
            {changed && (
              <Button
                variant="default"
                onClick={() => {
                  setTyped({});
                  declare.reset();
                }}
              >
                Undo
              </Button>
            )}
          </Actions>
        )}
      </Form>
    </PanelSection>
  );
}
