// Names, subjects, ids and times (docs/protocol/README.md, "Names" and "Subjects").

import { randomBytes } from "node:crypto";

export type Lane = "queue" | "group";

/** One name as one token of a subject. */
export function token(name: string): string {
  if (name === "_") return "=5F";
  if (name === "") return "=";
  let encoded = "";
  for (const byte of Buffer.from(name, "utf8")) {
    const char = String.fromCharCode(byte);
    encoded += /[A-Za-z0-9_-]/.test(char) ? char : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

export function untoken(encoded: string): string {
  if (encoded === "=") return "";
  const latin = encoded.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(latin, "latin1").toString("utf8");
}

export function typeTokens(eventType: string): string {
  return eventType.split(".").map(token).join(".");
}

/** The part of a subject at a place, counted from `tl`, decoded. */
export function part(subject: string, place: number): string {
  return untoken(subject.split(".").at(place) ?? "");
}

/** UUIDv7 (RFC 9562). */
export function newId(): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function newToken(sizeBytes = 6): string {
  return randomBytes(sizeBytes).toString("hex");
}

export function now(): string {
  return new Date().toISOString();
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** `value` half to one and a half times, so that many agents do not come at once. */
export function jittered(value: number): number {
  return value * (0.5 + Math.random());
}
