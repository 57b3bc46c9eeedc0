// CloudEvents in both modes (docs/protocol/messages.md).

import { headers, type Msg, type MsgHdrs } from "@nats-io/transport-node";
import { TrunklineError } from "./errors.ts";
import { newId, now } from "./names.ts";

export const STRUCTURED = "application/cloudevents+json";

/** A CloudEvent; `data` is decoded JSON, text or bytes. */
export interface CloudEvent {
  specversion: "1.0";
  id: string;
  source: string;
  type: string;
  time?: string;
  datacontenttype?: string;
  correlationid?: string;
  causationid?: string;
  traceparent?: string;
  partitionkey?: string;
  expirytime?: string;
  priority?: string;
  dataref?: string;
  data?: unknown;
  [extension: string]: unknown;
}

export interface Packed {
  payload: Uint8Array | string;
  headers: Record<string, string>;
}

export function newEvent(type: string, source: string, data: unknown, more: Partial<CloudEvent> = {}): CloudEvent {
  const datacontenttype = data instanceof Uint8Array ? "application/octet-stream" : "application/json";
  return { specversion: "1.0", id: newId(), source, type, time: now(), datacontenttype, ...more, data };
}

/** JSON goes in structured mode, bytes in binary mode. */
export function pack(event: CloudEvent): Packed {
  const { data, ...attributes } = event;
  if (!(data instanceof Uint8Array)) {
    return { payload: JSON.stringify(event), headers: { "Content-Type": STRUCTURED } };
  }
  const found: Record<string, string> = { "Content-Type": event.datacontenttype ?? "application/octet-stream" };
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) found[`ce-${name}`] = quote(String(value));
  }
  return { payload: data, headers: found };
}

export function asHeaders(from: Record<string, string>): MsgHdrs {
  const made = headers();
  for (const [name, value] of Object.entries(from)) made.set(name, value.replace(/[\r\n]/g, " "));
  return made;
}

export function headersOf(msg: Msg): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of msg.headers?.keys() ?? []) found[name] = msg.headers!.get(name);
  return found;
}

/** Read an event in whichever mode it came, or throw `message.envelope_invalid`. */
export function unpack(payload: Uint8Array, from: Record<string, string>): CloudEvent {
  const lower = Object.fromEntries(Object.entries(from).map(([name, value]) => [name.toLowerCase(), value]));
  const type = (lower["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
  const isBinary = type !== STRUCTURED && Object.keys(lower).some((name) => name.startsWith("ce-"));
  if (type !== STRUCTURED && type.startsWith("application/cloudevents")) throw invalid(`not as ${type}`);
  const event = isBinary ? fromBinary(payload, lower) : fromStructured(payload);
  for (const name of ["id", "source", "type"] as const) {
    if (typeof event[name] !== "string" || event[name] === "") throw invalid(`${name} is missing`);
  }
  if (event.specversion !== "1.0") throw invalid('specversion must be "1.0"');
  return event;
}

function fromStructured(payload: Uint8Array): CloudEvent {
  let found: unknown;
  try {
    found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch (error) {
    throw invalid(String(error));
  }
  if (typeof found !== "object" || found === null) throw invalid("not an object");
  const event = Object.fromEntries(Object.entries(found).filter(([name, v]) => v !== null || name === "data")) as CloudEvent;
  const base64 = event["data_base64"];
  if (base64 !== undefined) {
    if (event.data !== undefined) throw invalid("data and data_base64");
    event.data = new Uint8Array(Buffer.from(String(base64), "base64"));
  }
  return event;
}

function fromBinary(payload: Uint8Array, lower: Record<string, string>): CloudEvent {
  const event: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(lower)) {
    if (name.startsWith("ce-")) event[name.slice(3)] = unquote(value);
  }
  event["datacontenttype"] ??= lower["content-type"];
  const type = String(event["datacontenttype"] ?? "");
  if (payload.length > 0) event["data"] = decode(payload, type);
  return event as CloudEvent;
}

/** Payload bytes as what their type says they are. */
export function decode(payload: Uint8Array, type: string): unknown {
  const bare = type.split(";")[0]!.trim();
  if (/[/+]json$/.test(bare)) return JSON.parse(Buffer.from(payload).toString("utf8"));
  return bare.startsWith("text/") ? Buffer.from(payload).toString("utf8") : payload;
}

function quote(text: string): string {
  const bytes = [...Buffer.from(text, "utf8")];
  const isPlain = (b: number) => b > 0x20 && b < 0x7f && b !== 0x22 && b !== 0x25;
  return bytes.map((b) => (isPlain(b) ? String.fromCharCode(b) : `%${b.toString(16).toUpperCase().padStart(2, "0")}`)).join("");
}

function unquote(value: string): string {
  const bare = /^".*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
  try {
    return decodeURIComponent(bare);
  } catch {
    throw invalid("a header is not percent-encoded UTF-8");
  }
}

function invalid(detail: string): TrunklineError {
  return TrunklineError.of("message.envelope_invalid", detail);
}
