import { Button, TextInput } from "@mantine/core";
import { FlaskConical } from "lucide-react";
import { useState } from "react";

import { problemOf } from "~/api/problem";
import type { Explanation } from "~/api/resources";
import { useExplain } from "~/api/routes";
import { Actions, ErrorState, Form, FormWide, JsonField, Panel, Quiet } from "~/design";

import css from "./page.module.css";

function parsed(text: string): { data?: unknown; wrong?: string } {
  if (text.trim() === "") return { data: null };
  try {
    return { data: JSON.parse(text) as unknown };
  } catch {
    return { wrong: "This is not JSON" };
  }
}

/** A sample message, and what every route makes of it. Nothing is sent. */
export function Explain() {
  const explain = useExplain();
  const [type, setType] = useState("");
  const [source, setSource] = useState("");
  const [text, setText] = useState("");
  const { data, wrong } = parsed(text);
  return (
    <Panel title="Where would it go?" aside={<Quiet>Nothing is sent.</Quiet>}>
      <Form
        label="Where would it go?"
        onSubmit={() => {
          if (wrong === undefined) explain.mutate({ type, source: source || "/sample", data });
        }}
      >
        <TextInput
          size="xs"
          label="Type"
          placeholder="order.created"
          required
          value={type}
          onChange={(event) => {
            setType(event.currentTarget.value);
          }}
        />
        <TextInput
          size="xs"
          label="Source"
          placeholder="/sample"
          value={source}
          onChange={(event) => {
            setSource(event.currentTarget.value);
          }}
        />
        <FormWide>
          <JsonField
          label="Data"
          placeholder={'{"total": 150}'}
          minRows={2}
          maxRows={10}
          error={wrong}
          value={text}
          onChange={setText}
        />
        </FormWide>
        <Actions>
        <Button type="submit" leftSection={<FlaskConical size={15} />} loading={explain.isPending} disabled={type === ""}>
          Explain
        </Button>
        </Actions>
      </Form>
      {explain.isError && <ErrorState compact problem={problemOf(explain.error)} />}
      {explain.data && <Verdicts found={explain.data} />}
    </Panel>
  );
}

function Verdicts({ found }: { found: Explanation }) {
  return (
    <div className={css.verdicts} aria-live="polite" data-testid="verdicts">
      {found.verdicts.map((verdict) => (
        <p key={verdict.route} data-matched={verdict.matched} className={css.verdict}>
          <b>{verdict.route}</b>{" "}
          {verdict.matched ? `takes it: ${verdict.targets.join(", ")}` : `leaves it: ${verdict.reason}`}
          {verdict.dead_ends.length > 0 && <span className={css.dead}> · does not exist: {verdict.dead_ends.join(", ")}</span>}
        </p>
      ))}
      <p className={css.verdict} data-matched={found.groups.length > 0}>
        {found.groups.length > 0 ? `Followed by ${found.groups.join(", ")}` : "No group follows this type"}
      </p>
      {found.leads_nowhere && <p className={css.dead}>It would lie in the log and go nowhere.</p>}
    </div>
  );
}
