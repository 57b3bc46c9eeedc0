import { Button } from "@mantine/core";
import { useState } from "react";

import { useDenied } from "~/api/permission";
import { besides, fieldErrors } from "~/api/problem";
import { useDeclareQueue } from "~/api/queue-control";
import type { Queue } from "~/api/resources";
import { Actions, ErrorState, Form, FormWide, PanelSection, Quiet, toast } from "~/design";

import { FIELDS, changes, textsOf } from "./fields";
import type { Texts } from "./fields";
import { SettingInputs } from "./setting-inputs";

/** Its settings, changed while it lives: workers and senders take a change up by themselves. */
export function Settings({ queue }: { queue: Queue }) {
  const declare = useDeclareQueue();
  const denied = useDenied("queues:write");
  // Only what was typed: what others change meanwhile is shown, and not written back.
  const [typed, setTyped] = useState<Texts>({});
  const texts = { ...textsOf(queue), ...typed };
  const declaration = changes(texts, queue);
  const changed = Object.keys(declaration).length > 0;
  const rest = besides(declare.error, FIELDS.map(({ pointer }) => pointer));
  return (
    <PanelSection title="Settings" aside={<Quiet>{denied ?? "A change takes effect at once."}</Quiet>}>
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
        <SettingInputs
          texts={texts}
          wrong={fieldErrors(declare.error)}
          disabled={denied !== undefined}
          onText={(pointer, text) => {
            setTyped({ ...typed, [pointer]: text });
            if (declare.isError) declare.reset();
          }}
        />
        {rest && (
          <FormWide>
            <ErrorState compact problem={rest} />
          </FormWide>
        )}
        {denied === undefined && (
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
