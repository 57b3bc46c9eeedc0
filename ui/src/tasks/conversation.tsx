import type { Task, TaskMessage } from "~/api/resources";
import { Quiet, RelativeTime } from "~/design";

import { Parts } from "./parts";
import css from "./tasks.module.css";

/** What caller and agent have said to each other. */
export function Conversation({ task }: { task: Task }) {
  const said = task.status.message;
  const spoken = said == null || task.history.some(({ id }) => id === said.id) ? task.history : [...task.history, said];
  return (
    <ol className={css.talk} aria-label="Conversation">
      {spoken.map((message) => (
        <Said key={message.id} message={message} who={message.role === "user" ? task.caller : task.agent} />
      ))}
    </ol>
  );
}

function Said({ message, who }: { message: TaskMessage; who: string }) {
  return (
    <li className={css.said} data-role={message.role} data-testid="said">
      <p className={css.head}>
        <b>{who}</b>
        {message.at !== undefined && message.at !== "" && (
          <Quiet>
            <RelativeTime at={message.at} />
          </Quiet>
        )}
      </p>
      <Parts parts={message.parts} what={`message of ${who}`} />
    </li>
  );
}
