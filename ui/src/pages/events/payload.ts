import type { StoredEvent } from "~/api/resources";
import { format } from "~/design";

type Attributes = StoredEvent["event"];

/** An attribute as text; empty where there is none. */
export function attribute(event: Attributes, name: string): string {
  const value = event[name];
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Which of the ways a CloudEvent may carry its data this one took. */
export type Carried =
  | { by: "json"; data: unknown }
  | { by: "bytes"; base64: string; size: number }
  | { by: "reference"; address: string }
  | { by: "nothing" };

const PADDING = /=*$/;

export function carried(event: Attributes): Carried {
  if (typeof event.dataref === "string") return { by: "reference", address: event.dataref };
  if (typeof event.data_base64 === "string") {
    const base64 = event.data_base64;
    return { by: "bytes", base64, size: Math.floor((base64.replace(PADDING, "").length * 3) / 4) };
  }
  return event.data === undefined ? { by: "nothing" } : { by: "json", data: event.data };
}

const SHORT_CHARS = 160;

/** The data in a few words, for a row. */
export function shortData(event: Attributes): string {
  const data = carried(event);
  const kind = attribute(event, "datacontenttype");
  if (data.by === "reference") return `by reference${kind && `, ${kind}`}`;
  if (data.by === "bytes") return `${format.bytes(data.size)} of ${kind || "binary data"}`;
  return data.by === "nothing" ? "" : JSON.stringify(data.data).slice(0, SHORT_CHARS);
}

/** The text in base64, or null where it is none. */
export function textOf(base64: string, contentType: string): string | null {
  if (!/^text\/|[/+](xml|yaml|csv)\b/.test(contentType)) return null;
  try {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The path of a payload kept by this hub for this workspace; others are not followed. */
export function blobPath(address: string, workspace: string): string | null {
  const own = `/api/v1/w/${workspace}/blobs/`;
  try {
    const { pathname } = new URL(address, window.location.origin);
    return pathname.startsWith(own) ? pathname : null;
  } catch {
    return null;
  }
}
