import { SegmentedControl, Textarea } from "@mantine/core";
import { Reply } from "lucide-react";
import { useEffect, useState } from "react";

import { problemOf } from "~/api/problem";
import type { Task, TaskReply } from "~/api/resources";
import { useReply, useSteeringDenied } from "~/api/tasks";
import { Actions, ErrorState, Form, FormWide, GuardedButton, JsonField, Quiet, toast } from "~/design";
import { SchemaInput } from "~/skills/input";
import { beginning } from "~/skills/schema";
import type { Schema } from "~/skills/schema";

import { answerSchemaOf, answeredOf, questionOf } from "./question";
import css from "./tasks.module.css";

const KINDS = ["Text", "JSON"];

/** Where the caller's turn is taken: a form where the agent says what it wants, else words or JSON. */
export function Answer({ task }: { task: Task }) {
  const reply = useReply(task.id);
  const denied = useSteeringDenied(task);
  const [wanted, setWanted] = useState<TaskReply | null>(null);
  const [round, setRound] = useState(0);
  const signsIn = task.status.state === "auth-required";
  const schema = signsIn ? null : answerSchemaOf(task);
  const asks = task.status.message?.id ?? "";
  const ready = wanted ?? (signsIn ? { input: "done" } : null);
  const send = () => {
    if (denied !== undefined || ready === null || reply.isPending) return;
    reply.mutate(ready, {
      onSuccess: () => {
        setWanted(null);
        setRound(round + 1);
        toast("ok", "Answered", `${task.agent} goes on`);
      },
    });
  };
  const label = signsIn ? "Anything to add" : "Your answer";
  const shared = { label, denied: denied !== undefined, onWanted: setWanted };
  return (
    <div className={css.answer} data-testid="answer">
      <Form label="Answer the task" onSubmit={send}>
        <FormWide>
          <b>{signsIn ? `${task.agent} waits until you have signed in` : `${task.agent} asks`}</b>
          <p className={css.text}>{questionOf(task)}</p>
          {schema === null ? (
            <Words key={round} asksForData={!signsIn} {...shared} />
          ) : (
            <Fields key={`${asks}-${String(round)}`} schema={schema} task={task} {...shared} />
          )}
          {reply.isError && <ErrorState compact problem={problemOf(reply.error)} />}
        </FormWide>
        <Actions>
          <GuardedButton
            denied={denied}
            type="submit"
            leftSection={<Reply size={14} />}
            loading={reply.isPending}
            disabled={denied === undefined && ready === null}
          >
            {signsIn ? "I have signed in" : "Answer"}
          </GuardedButton>
          {denied !== undefined && <Quiet>{denied}</Quiet>}
        </Actions>
      </Form>
    </div>
  );
}

interface Kind {
  label: string;
  denied: boolean;
  onWanted: (reply: TaskReply | null) => void;
}

function Fields({ schema, task, label, denied, onWanted }: Kind & { schema: Schema; task: Task }) {
  const [value, setValue] = useState(() => beginning(schema, schema));
  const take = (next: unknown, readable: boolean) => {
    setValue(next);
    onWanted(readable && next !== undefined ? { input: withAnswered(next, task) } : null);
  };
  useEffect(() => {
    onWanted(value === undefined ? null : { input: withAnswered(value, task) });
    // What the form begins with may be the answer already.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);
  return <SchemaInput schema={schema} label={label} denied={denied} value={value} wrong={{}} onValue={take} />;
}

function withAnswered(value: unknown, task: Task): unknown {
  const answered = answeredOf(task.status.message);
  return Object.keys(answered).length === 0 ? value : { ...answered, ...(value as object) };
}

function Words({ label, denied, onWanted, asksForData }: Kind & { asksForData: boolean }) {
  const [isJson, setJson] = useState(false);
  const [text, setText] = useState("");
  const take = (typed: string, asJson: boolean) => {
    setText(typed);
    setJson(asJson);
    onWanted(answerOf(typed, asJson));
  };
  return (
    <>
      {asksForData && (
        <SegmentedControl
          size="xs"
          aria-label="Kind of answer"
          data={KINDS}
          value={isJson ? "JSON" : "Text"}
          onChange={(kind) => {
            take(text, kind === "JSON");
          }}
        />
      )}
      {isJson ? (
        <JsonField
          label={label}
          value={text}
          disabled={denied}
          validationError="This is not JSON"
          onChange={(typed) => {
            take(typed, true);
          }}
        />
      ) : (
        <Textarea
          size="xs"
          autosize
          minRows={2}
          maxRows={12}
          label={label}
          disabled={denied}
          value={text}
          onChange={(event) => {
            take(event.currentTarget.value, false);
          }}
        />
      )}
    </>
  );
}

function answerOf(text: string, isJson: boolean): TaskReply | null {
  if (!isJson) return text.trim() === "" ? null : { input: text };
  try {
    return { input: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}
