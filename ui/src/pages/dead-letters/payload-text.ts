import type { DeadLetterDetail } from "~/api/resources";
import { isEnvelope } from "~/design";

interface Editable {
  text: string;
  /** Why it cannot be edited here. */
  reason?: string;
}

const BY_COMMAND = "`trunkline dead redrive --edit` can";

/** The message's own data as text to edit. */
export function dataOf({ payload, payload_encoding: encoding, payload_truncated: cut }: DeadLetterDetail): Editable {
  if (cut) return { text: "", reason: `Its data is too large to be edited here; ${BY_COMMAND}.` };
  if (encoding !== "json" || !isEnvelope(payload)) return { text: "", reason: "It is no CloudEvent, so it has no data to edit." };
  const data = payload.data;
  if (!isExact(data)) return { text: "", reason: `Its data has numbers that a browser would round; ${BY_COMMAND}.` };
  return { text: data === undefined ? "" : JSON.stringify(data, null, 2) };
}

interface Typed {
  data?: unknown;
  wrong?: string;
}

/** What somebody typed, or why it is none. */
export function read(text: string): Typed {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return { wrong: "This is not JSON" };
  }
  return isExact(data) ? { data } : { wrong: "A browser would round one of its numbers; write it as a string" };
}

/** Whether all integers are as they were written: above 2^53 JavaScript rounds without a word. */
function isExact(value: unknown): boolean {
  if (typeof value === "number") return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(isExact);
}
