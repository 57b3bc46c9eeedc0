import type { Schema } from "~/api/event-types";

export interface Given {
  schema?: Schema | undefined;
  wrong?: string | undefined;
}

/** A schema that somebody typed: what it is, or why it is none. */
export function schemaOf(text: string): Given {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { wrong: "This is not JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { wrong: "A schema is a JSON object" };
  return { schema: value as Schema };
}
