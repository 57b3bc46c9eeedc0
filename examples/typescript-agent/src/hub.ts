// The hub over HTTP (docs/protocol/connecting.md, "Over HTTP" and "Registration").

import { asError, TrunklineError, type Problem } from "./errors.ts";
import { decode } from "./events.ts";
import { jittered, sleep, type Lane } from "./names.ts";
import type { RetryPolicy } from "./retry.ts";

export interface Registration {
  version: string;
  protocol: 1;
  description?: string;
  skills: Record<string, unknown>[];
  readers: { lane: Lane; name: string; types?: string[]; retry?: RetryPolicy; ack_wait_s?: number }[];
}

export interface Connection {
  urls: string[];
  workspace: string;
  principal: string;
  inbox_prefix: string;
  heartbeat_s: number;
  governed_events: boolean;
  governed_tasks: boolean;
}

export interface ReaderFrame {
  lane: Lane;
  name: string;
  stream: string;
  consumer: string;
  retry: RetryPolicy;
  ack_wait_s: number;
  lanes: { consumer: string; priority: string; weight: number; partition: number | null }[];
}

export interface Registered {
  connection: Connection;
  readers: ReaderFrame[];
}

const UNAVAILABLE = new Set([502, 503, 504]);

export class Hub {
  private readonly base: string;
  private readonly url: string;
  private readonly token: string;
  readonly workspace: string;

  constructor(url: string, token: string, workspace: string) {
    this.url = url.replace(/\/$/, "");
    this.token = token;
    this.workspace = workspace;
    this.base = `/api/v1/w/${encodeURIComponent(workspace)}`;
  }

  /** Send one request; what is not available is asked again until `patienceS` is over. */
  async ask<T>(method: string, path: string, body?: unknown, patienceS = Infinity): Promise<T> {
    const deadline = performance.now() + patienceS * 1000;
    for (let delay = 200; ; delay = Math.min(delay * 2, 3000)) {
      try {
        const answer = await this.send(method, this.base + path, body);
        return (await answer.json()) as T;
      } catch (thrown) {
        const status = thrown instanceof TrunklineError ? thrown.problem.status : 503;
        if (!UNAVAILABLE.has(status) || performance.now() >= deadline) throw thrown;
        console.error(`waiting for the hub: ${asError(thrown).message}`);
      }
      await sleep(jittered(delay));
    }
  }

  /** Fetch a payload that a message only refers to; nothing but blobs of this workspace. */
  async payload(dataref: string, type: string | undefined): Promise<unknown> {
    if (!dataref.startsWith(`${this.base}/blobs/`)) {
      throw TrunklineError.of("message.payload_gone", `${dataref} is no blob of this workspace`);
    }
    const answer = await this.send("GET", dataref);
    const kind = type ?? answer.headers.get("content-type") ?? "";
    return decode(new Uint8Array(await answer.arrayBuffer()), kind);
  }

  private async send(method: string, path: string, body?: unknown): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const wanted: RequestInit = { method, headers, signal: AbortSignal.timeout(30_000) };
    const answer = await fetch(this.url + path, body === undefined ? wanted : { ...wanted, body: JSON.stringify(body) });
    if (answer.ok) return answer;
    const text = await answer.text();
    throw new TrunklineError(problemOf(answer.status, text));
  }
}

function problemOf(status: number, text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return { type: "about:blank", title: "Not a Trunkline hub", status, code: "unavailable", detail: text.slice(0, 200) };
  }
}
