import type { Task, TaskMessage } from "~/api/resources";
import { isSchema } from "~/skills/schema";
import type { Schema } from "~/skills/schema";

/** What a task asks, in words; of several questions each is the title of its field. */
export function questionOf({ status }: Task): string {
  const parts = status.message?.parts ?? [];
  const shown = parts.filter(({ metadata }) => typeof metadata?.question !== "string");
  return shown.flatMap(({ text }) => (text == null ? [] : [text])).join("\n");
}

/** What the answer must fit, where the agent says so: the schema of its question, or one field for each of several. */
export function answerSchemaOf({ status }: Task): Schema | null {
  const said = status.message;
  const several = (said?.parts ?? []).flatMap((part) => {
    const name = part.metadata?.question;
    return typeof name === "string" ? [{ name, text: part.text ?? name, schema: part.metadata?.schema }] : [];
  });
  if (several.length === 0) return isSchema(said?.metadata?.schema) ? said.metadata.schema : null;
  const answered = answeredOf(said);
  const open = several.filter(({ name }) => !(name in answered));
  const fields = open.map(({ name, text, schema }) => [name, { title: text, ...(isSchema(schema) ? schema : { type: "string" }) }]);
  return { type: "object", properties: Object.fromEntries(fields) as Schema, required: open.map(({ name }) => name) };
}

/** What was answered already of several questions; it goes along with the rest. */
export function answeredOf(said: TaskMessage | null | undefined): Record<string, unknown> {
  const answers = said?.metadata?.answers;
  return isSchema(answers) ? answers : {};
}
