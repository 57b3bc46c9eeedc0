import { ListPlus, Play } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";

import { useCallSkill } from "~/api/agents";
import { useDenied } from "~/api/permission";
import { besides, fieldErrors } from "~/api/problem";
import type { Agent, Skill, Task } from "~/api/resources";
import { hasEnded, useStartTask, useTask, waitsForCaller } from "~/api/tasks";
import { Actions, ErrorState, Form, FormWide, GuardedButton, Quiet, format } from "~/design";
import { useTaskLive } from "~/live/task";
import { Answer } from "~/tasks/answer";
import { Artifacts } from "~/tasks/artifacts";
import { Parts } from "~/tasks/parts";
import { TaskProgress, TaskStateBadge } from "~/tasks/progress";

import { SchemaInput } from "./input";
import { beginning } from "./schema";
import css from "./skills.module.css";

/** Uses a skill from here: as a call that is waited for, or as a task that goes on by itself. */
export function TrySkill({ agent, skill }: { agent: Agent; skill: Skill }) {
  const call = useCallSkill();
  const start = useStartTask();
  const mayCall = useDenied("agents:call");
  const mayRun = useDenied("tasks:run");
  const [input, setInput] = useState<unknown>(() => beginning(skill.input_schema ?? {}, skill.input_schema ?? {}));
  const [readable, setReadable] = useState(true);
  const error = call.error ?? start.error;
  const wrong = located(fieldErrors(error));
  const rest = error === null ? null : besides(error, Object.keys(fieldErrors(error)));
  const asTask = () => {
    call.reset();
    start.mutate({ skill: skill.name, agent: agent.name, input: input ?? null });
  };
  const asCall = () => {
    start.reset();
    call.mutate({ skill: skill.name, agent: agent.name, input: input ?? null });
  };
  const ways = [
    { label: "Call", icon: <Play size={14} />, denied: mayCall, pending: call.isPending, go: asCall },
    { label: "Start as a task", icon: <ListPlus size={14} />, denied: mayRun, pending: start.isPending, go: asTask },
  ];
  const [first, second] = skill.task === true ? ways.reverse() : ways;
  if (first === undefined || second === undefined) return null;
  return (
    <div className={css.try} data-testid="try-skill">
      <Form
        label={`Try ${skill.name}`}
        onSubmit={() => {
          if (first.denied === undefined && readable && !first.pending) first.go();
        }}
      >
        <FormWide>
          <SchemaInput
            schema={skill.input_schema ?? null}
            examples={skill.examples}
            value={input}
            wrong={wrong}
            onValue={(value, isReadable) => {
              setInput(value);
              setReadable(isReadable);
            }}
          />
          {skill.input_schema == null && <Quiet>The skill does not say what it takes.</Quiet>}
          {rest && <ErrorState compact problem={rest} />}
        </FormWide>
        <Actions>
          <GuardedButton type="submit" denied={first.denied} leftSection={first.icon} loading={first.pending} disabled={!readable}>
            {first.label}
          </GuardedButton>
          <GuardedButton
            variant="default"
            type="button"
            denied={second.denied}
            leftSection={second.icon}
            loading={second.pending}
            disabled={!readable}
            onClick={second.go}
          >
            {second.label}
          </GuardedButton>
          {call.isPending && <Quiet>{agent.name} is at it; it has 30 seconds.</Quiet>}
        </Actions>
      </Form>
      {call.data && (
        <section className={css.outcome} aria-label="Output" aria-live="polite" data-testid="output">
          <p className={css.head}>
            <b>Output</b>
            <Quiet>in {format.duration(call.data.took_ms)}</Quiet>
          </p>
          <Parts parts={[call.data.dataref == null ? { data: call.data.output } : { dataref: call.data.dataref }]} what="output" />
        </section>
      )}
      {start.data && <StartedTask key={start.data.id} first={start.data} />}
    </div>
  );
}

/** The task as it goes on, in the place where it was started. */
function StartedTask({ first }: { first: Task }) {
  const task = useTask(first.id).data ?? first;
  useTaskLive(first.id, !hasEnded(task));
  return (
    <section className={css.outcome} aria-label="Task" aria-live="polite" data-testid="started-task">
      <p className={css.head}>
        <Link to={`/tasks/${encodeURIComponent(task.id)}`}>Task {task.id}</Link>
        <TaskStateBadge task={task} />
      </p>
      <TaskProgress task={task} />
      {waitsForCaller(task) && <Answer key={task.turn} task={task} />}
      {task.error && <ErrorState compact problem={task.error} />}
      {task.artifacts.length > 0 && <Artifacts artifacts={task.artifacts} />}
    </section>
  );
}

/** Errors by their place in the input, wherever the hub says the input is. */
function located(errors: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(errors).map(([pointer, detail]) => [pointer.replace(/^\/input(?=\/|$)/, ""), detail]));
}
