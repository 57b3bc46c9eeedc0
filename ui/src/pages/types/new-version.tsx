import { Button, TextInput } from "@mantine/core";
import { FlaskConical, Plus } from "lucide-react";
import { useState } from "react";

import { useAddVersion, useCheck, useDeclare } from "~/api/event-types";
import type { Schema } from "~/api/event-types";
import { problemOf } from "~/api/problem";
import type { CompatibilityReport, EventType } from "~/api/resources";
import { Actions, ErrorState, JsonField, PanelSection, Quiet, Sentence, StateBadge, toast } from "~/design";

import css from "./page.module.css";
import { schemaOf } from "./schema-text";

/** Try the next schema against those before it, then add it. */
export function NewVersion({ type, schema: newest }: { type: EventType; schema: Schema | null }) {
  const check = useCheck(type.name);
  const add = useAddVersion(type.name);
  const declare = useDeclare();
  const [text, setText] = useState(() => JSON.stringify(newest ?? { type: "object", properties: {} }, null, 2));
  const [note, setNote] = useState("");
  const { schema, wrong } = schemaOf(text);
  const adding = type.declared ? add : declare;

  const onAdd = () => {
    if (schema === undefined) return;
    const onSuccess = () => {
      toast("ok", `${type.name} has a new version`);
    };
    if (type.declared) add.mutate({ schema, note }, { onSuccess });
    else declare.mutate({ name: type.name, declaration: { schema, note } }, { onSuccess });
  };
  return (
    <PanelSection title={type.declared ? "Next version" : "Declare it"}>
      <form
        className={css.stack}
        onSubmit={(event) => {
          event.preventDefault();
          if (schema !== undefined) check.mutate(schema);
        }}
      >
        <JsonField
          label="JSON Schema"
          minRows={4}
          error={wrong}
          value={text}
          onChange={(value) => {
            setText(value);
            check.reset();
            adding.reset();
          }}
        />
        <TextInput
          label="Note"
          size="xs"
          placeholder="What changes, and why"
          value={note}
          onChange={(event) => {
            setNote(event.currentTarget.value);
          }}
        />
        <Actions>
          {type.declared && (
            <Button
              type="submit"
              variant="default"
              leftSection={<FlaskConical size={14} />}
              loading={check.isPending}
              disabled={schema === undefined}
            >
              Check
            </Button>
          )}
          <Button leftSection={<Plus size={14} />} loading={adding.isPending} disabled={schema === undefined} onClick={onAdd}>
            {type.declared ? "Add version" : "Declare"}
          </Button>
          {type.declared && <Quiet>A check stores nothing.</Quiet>}
        </Actions>
      </form>
      <div aria-live="polite">
        {check.isError && <ErrorState compact problem={problemOf(check.error)} />}
        {adding.isError && <ErrorState compact problem={problemOf(adding.error)} />}
        {check.data && <Report report={check.data} />}
      </div>
    </PanelSection>
  );
}

function Report({ report }: { report: CompatibilityReport }) {
  const { compatible, compatibility, reading, equals, problems = [] } = report;
  return (
    <div className={css.report} data-testid="check-report">
      <Sentence>
        <StateBadge state={compatible ? "compatible" : "not compatible"} tone={compatible ? "ok" : "danger"} />{" "}
        {compatibility}, {reading}
        {equals != null && `; it equals version ${String(equals)}, so adding it changes nothing`}
      </Sentence>
      {problems.map((problem) => (
        <p key={`${problem.pointer} ${problem.direction} ${String(problem.version)}`} className={css.reason}>
          <code>{problem.pointer || "/"}</code> ({problem.direction}, version {problem.version}) {problem.detail}
        </p>
      ))}
    </div>
  );
}
