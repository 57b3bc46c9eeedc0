// From delivery to verdict (docs/protocol/reading.md, "Handling one delivery").

import type { Bus } from "./bus.ts";
import type { Delivery } from "./delivery.ts";
import { asError, PermanentError, TrunklineError } from "./errors.ts";
import { unpack, type CloudEvent } from "./events.ts";
import type { Hub, ReaderFrame } from "./hub.ts";
import { now, part, token } from "./names.ts";
import { decide, mostAttempts, type Verdict } from "./retry.ts";

export interface Identity {
  agent: string;
  instance: string;
  version: string;
}

/** What a handler knows about the message in its hands. */
export interface WorkContext {
  event: CloudEvent;
  attempt: number;
  /** Principal who sent it; the broker vouches for it. */
  sender: string;
}

export type Handler = (data: unknown, context: WorkContext) => Promise<void>;

/** The hub retries these by policy; this error carries the code of what no handler saw. */
class WorkerLostError extends PermanentError {}

export class Worker {
  handled = 0;
  failed = 0;
  private readonly bus: Bus;
  private readonly hub: Hub;
  private readonly identity: Identity;
  private readonly handler: Handler;

  constructor(bus: Bus, hub: Hub, identity: Identity, handler: Handler) {
    this.bus = bus;
    this.hub = hub;
    this.identity = identity;
    this.handler = handler;
  }

  /** Bring one delivery to its end. Never throws. */
  async handle(delivery: Delivery, frame: ReaderFrame): Promise<void> {
    const started = performance.now();
    try {
      if (delivery.attempt > mostAttempts(frame.retry)) throw new WorkerLostError(lost(delivery));
      await this.run(delivery, frame);
      delivery.ack();
    } catch (thrown) {
      await this.fail(delivery, frame, asError(thrown), performance.now() - started);
    } finally {
      this.handled += 1;
    }
  }

  private async run(delivery: Delivery, frame: ReaderFrame): Promise<void> {
    const event = unpack(delivery.payload, delivery.headers);
    if (frame.lane === "queue" && event.expirytime !== undefined && Date.parse(event.expirytime) <= Date.now()) {
      throw TrunklineError.of("message.expired", `It expired at ${event.expirytime}`);
    }
    const isAway = event.dataref !== undefined && event.data === undefined;
    const data = isAway ? await this.hub.payload(event.dataref!, event.datacontenttype) : event.data;
    const sender = part(delivery.subject, frame.lane === "queue" ? -1 : delivery.subject.split(".")[2] === "redrive" ? 4 : 3);
    await this.handler(data, { event, attempt: delivery.attempt, sender });
  }

  private async fail(delivery: Delivery, frame: ReaderFrame, error: Error, tookMs: number): Promise<void> {
    this.failed += 1;
    const isLost = error instanceof WorkerLostError;
    const verdict: Verdict = isLost ? { kind: "dead", reason: "worker_lost" } : decide(frame.retry, error, delivery.attempt);
    try {
      await this.record(delivery, frame, error, verdict, tookMs);
      if (verdict.kind === "retry") delivery.nak(verdict.delayS);
      else if (verdict.kind === "drop") delivery.term("dropped");
      else {
        await this.bury(delivery, frame, verdict.reason, error);
        delivery.term(verdict.reason);
      }
    } catch (thrown) {
      console.error(`could not store a failed attempt; the message will come again: ${asError(thrown).message}`);
      delivery.nak(1);
    }
  }

  private async record(d: Delivery, frame: ReaderFrame, error: Error, verdict: Verdict, tookMs: number): Promise<void> {
    const attempt = {
      message_id: messageId(d),
      stream_seq: d.origin,
      number: d.attempt,
      ...this.identity,
      started_at: now(),
      duration_ms: Math.round(tookMs * 1000) / 1000,
      error: {
        code: error instanceof TrunklineError ? error.code : error instanceof WorkerLostError ? "worker.lost" : "handler.raised",
        message: error.message.slice(0, 500),
        type: error.constructor.name,
        traceback: error instanceof TrunklineError ? "" : (error.stack ?? "").slice(-4000),
      },
      final: verdict.kind !== "retry",
      outcome: verdict.kind === "retry" ? "retry" : verdict.kind === "drop" ? "dropped" : "dead_letter",
      handler: this.handler.name,
    };
    const subject = `${this.bus.root}.attempts.${this.bus.principal}.${frame.lane}.${token(frame.name)}`;
    const msgId = `${frame.stream}:${frame.consumer}:${d.streamSeq}:${d.attempt}`;
    await this.bus.store(subject, msgId, { payload: JSON.stringify(attempt), headers: {} });
  }

  private async bury(d: Delivery, frame: ReaderFrame, reason: string, error: Error): Promise<void> {
    const kept = Object.entries(d.headers).filter(([name]) => /^(content-type|ce-.*)$/i.test(name) || KEPT.has(name));
    const headers = {
      ...Object.fromEntries(kept),
      "Tl-Subject": d.subject,
      "Tl-Stream-Seq": String(d.origin),
      "Tl-Deliveries": String(d.attempt),
      "Tl-Reason": reason,
      "Tl-Error": error.message.slice(0, 500),
      "Tl-Agent": this.identity.agent,
    };
    const subject = `${this.bus.root}.dead.${this.bus.principal}.${frame.lane}.${token(frame.name)}`;
    await this.bus.store(subject, `${frame.stream}:${frame.consumer}:${d.streamSeq}`, { payload: d.payload, headers });
  }
}

const KEPT = new Set(["traceparent", "Tl-Redrive-Of", "Tl-Edited-By", "Tl-Replay", "Tl-Unproven"]);

function lost(delivery: Delivery): string {
  return `${delivery.deliveries - 1} workers took the message and were gone before they settled it`;
}

function messageId(delivery: Delivery): string {
  try {
    return unpack(delivery.payload, delivery.headers).id;
  } catch {
    return delivery.headers["Nats-Msg-Id"] ?? `seq-${delivery.streamSeq}`;
  }
}
