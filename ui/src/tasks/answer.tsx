import { SegmentedControl, Textarea } from "@mantine/core";
import { Reply } from "lucide-react";
import { useState } from "react";

import { problemOf } from "~/api/problem";
import type { Task, TaskReply } from "~/api/resources";
import { useReply, useSteeringDenied } from "~/api/tasks";
import { Actions, ErrorState, Form, FormWide, GuardedButton, JsonField, Quiet, toast } from "~/design";

import css from "./tasks.module.css";

const KINDS = ["Text", "JSON"];

/** Where the caller's turn is taken: words, or JSON where the agent wants data. */
export function Answer({ task }: { task: Task }) {
  const reply = useReply(task.id);
  const denied = useSteeringDenied(task);
  const [isJson, setJson] = useState(false);
  const [text, setText] = useState("");
  const signsIn = task.status.state === "auth-required";
  const wanted = answerOf(text, isJson, signsIn);
  const send = () => {
    if (denied !== undefined || wanted === null || reply.isPending) return;
    reply.mutate(wanted, {
      onSuccess: () => {
        setText("");
        toast("ok", "Answered", `${task.agent} goes on`);
      },
    });
  };
  const label = signsIn ? "Anything to add" : "Your answer";
  return (
    <div className={css.answer} data-testid="answer">
      <Form label="Answer the task" onSubmit={send}>
        <FormWide>
          <div className={css.head}>
            <b>{signsIn ? `${task.agent} waits until you have signed in` : `${task.agent} asks`}</b>
            {!signsIn && (
              <SegmentedControl
                size="xs"
                aria-label="Kind of answer"
                data={KINDS}
                value={isJson ? "JSON" : "Text"}
                onChange={(kind) => {
                  setJson(kind === "JSON");
                }}
              />
            )}
          </div>
          <p className={css.text}>{questionOf(task)}</p>
          {isJson ? (
            <JsonField label={label} value={text} disabled={denied !== undefined} validationError="This is not JSON" onChange={setText} />
          ) : (
            <Textarea
              size="xs"
              autosize
              minRows={2}
              maxRows={12}
              label={label}
              disabled={denied !== undefined}
              value={text}
              onChange={(event) => {
                setText(event.currentTarget.value);
              }}
            />
          )}
          {reply.isError && <ErrorState compact problem={problemOf(reply.error)} />}
        </FormWide>
        <Actions>
          <GuardedButton
            denied={denied}
            type="submit"
            leftSection={<Reply size={14} />}
            loading={reply.isPending}
            disabled={denied === undefined && wanted === null}
          >
            {signsIn ? "I have signed in" : "Answer"}
          </GuardedButton>
          {denied !== undefined && <Quiet>{denied}</Quiet>}
        </Actions>
      </Form>
    </div>
  );
}

function questionOf({ status }: Task): string {
  return (status.message?.parts ?? []).flatMap(({ text }) => (text == null ? [] : [text])).join("\n");
}

function answerOf(text: string, isJson: boolean, signsIn: boolean): TaskReply | null {
  if (!isJson) return text.trim() === "" ? (signsIn ? { input: "done" } : null) : { input: text };
  try {
    return { input: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}
