// Pulling from the consumers of one queue or group (docs/protocol/reading.md, "Pulling").

import { createInbox, type Msg, type Subscription } from "@nats-io/transport-node";
import type { Bus } from "./bus.ts";
import { Delivery } from "./delivery.ts";
import type { ReaderFrame } from "./hub.ts";
import { sleep } from "./names.ts";

const NS = 1_000_000_000;
const HEARTBEAT_S = 5;
const PULL_S = 30;
const EMPTY_ROUND_MS = 100;

interface Lane {
  consumer: string;
  weight: number;
  credit: number;
  isEmpty: boolean;
}

export class Reader {
  frame: ReaderFrame;
  onGone = (): void => {};
  private readonly bus: Bus;
  private readonly handle: (delivery: Delivery, frame: ReaderFrame) => Promise<void>;
  private readonly concurrency: number;
  private readonly held = new Map<number, Delivery>();
  private readonly waiting: Delivery[] = [];
  private readonly timers: NodeJS.Timeout[] = [];
  private lanes: Lane[] = [];
  private inbox: Subscription | undefined;
  private running = 0;
  private asked = 0;
  private lastSign = 0;
  private round = 0;
  private delayMs = 250;
  private draining = false;

  constructor(bus: Bus, frame: ReaderFrame, concurrency: number, handle: (d: Delivery, f: ReaderFrame) => Promise<void>) {
    this.bus = bus;
    this.frame = frame;
    this.concurrency = concurrency;
    this.handle = handle;
  }

  get inFlight(): number {
    return this.held.size;
  }

  start(): void {
    this.bus.whenUp(() => this.askAnew());
    this.refit(this.frame);
    this.timers.push(setInterval(() => this.keep(), Math.min((this.frame.ack_wait_s / 6) * 1000, 1000)));
  }

  /** Go on under new settings; what is at work is not disturbed. */
  refit(frame: ReaderFrame): void {
    this.frame = frame;
    const lanes = frame.lanes.length > 0 ? frame.lanes : [{ consumer: frame.consumer, weight: 1 }];
    this.lanes = lanes.map(({ consumer, weight }) => ({ consumer, weight, credit: 0, isEmpty: false }));
    const old = this.inbox;
    const subject = createInbox(this.bus.connection.inbox_prefix);
    this.inbox = this.bus.nc.subscribe(subject, { callback: (_error, msg) => this.receive(msg) });
    void old?.drain();
    this.askAnew();
  }

  /** Take nothing more, give back what was not begun, finish the rest within `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    this.draining = true;
    this.inbox?.unsubscribe();
    for (const delivery of this.waiting.splice(0)) this.drop(delivery).nak();
    const deadline = performance.now() + timeoutMs;
    while (this.held.size > 0 && performance.now() < deadline) await sleep(10);
    for (const timer of this.timers) clearInterval(timer);
    for (const delivery of this.held.values()) delivery.nak();
  }

  /** Nobody will answer what was asked before. */
  private askAnew(): void {
    this.asked = 0;
    this.lastSign = performance.now();
    for (const lane of this.lanes) lane.isEmpty = false;
    for (const delivery of this.held.values()) delivery.extend();
    this.ask();
  }

  private ask(): void {
    const free = this.concurrency - this.held.size - this.asked;
    if (this.draining || free <= 0) return;
    if (this.lanes.length === 1) {
      this.pull(this.lanes[0]!, { batch: free, expires: PULL_S * NS, idle_heartbeat: HEARTBEAT_S * NS }, free);
    } else if (this.asked <= 0) {
      this.askOneOfMany(free);
    }
  }

  /** Ask one lane at a time, by weight, for what is there now; when all are empty, rest a little. */
  private askOneOfMany(free: number): void {
    const able = this.lanes.filter((lane) => !lane.isEmpty);
    const round = (this.round += 1);
    setTimeout(() => {
      if (round === this.round) this.next();
    }, EMPTY_ROUND_MS);
    if (able.length === 0) {
      for (const lane of this.lanes) lane.isEmpty = false;
      return;
    }
    for (const lane of able) lane.credit += lane.weight;
    const lucky = able.reduce((best, lane) => (lane.credit > best.credit ? lane : best));
    lucky.credit -= able.reduce((sum, lane) => sum + lane.weight, 0);
    this.pull(lucky, { batch: free, no_wait: true }, free);
    lucky.isEmpty = true; // until a message comes; a lane that is held up by other workers stays silent
  }

  private pull(lane: Lane, request: object, count: number): void {
    this.asked += count;
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.frame.stream}.${lane.consumer}`;
    this.bus.nc.publish(subject, JSON.stringify(request), { reply: this.inbox!.getSubject() });
  }

  private next(): void {
    this.asked = 0;
    this.ask();
  }

  private receive(msg: Msg): void {
    this.lastSign = performance.now();
    if (!msg.reply?.startsWith("$JS.ACK.")) {
      this.onStatus(msg);
      return;
    }
    this.delayMs = 250;
    this.asked = Math.max(0, this.asked - 1);
    const consumer = msg.reply.split(".").at(msg.reply.split(".").length >= 11 ? 5 : 3);
    for (const lane of this.lanes) if (lane.consumer === consumer) lane.isEmpty = false;
    const delivery = new Delivery(this.bus.nc, msg);
    const known = this.held.get(delivery.streamSeq);
    if (known !== undefined) known.extend();
    else if (this.draining) delivery.nak();
    else {
      this.held.set(delivery.streamSeq, delivery);
      this.waiting.push(delivery);
      this.begin();
    }
    if (this.lanes.length > 1 && this.asked === 0) this.ask();
  }

  private onStatus(msg: Msg): void {
    const code = msg.headers?.code ?? 0;
    if (code === 100) return;
    const left = Number(msg.headers?.get("Nats-Pending-Messages") || this.asked);
    this.asked = this.lanes.length > 1 ? 0 : Math.max(0, this.asked - left);
    if (code === 404 || code === 408) {
      this.ask();
      return;
    }
    if (code === 503 || msg.headers?.description.includes("Deleted")) this.onGone();
    setTimeout(() => this.ask(), this.delayMs);
    this.delayMs = Math.min(this.delayMs * 2, 2000);
  }

  private begin(): void {
    while (this.running < this.concurrency) {
      const delivery = this.waiting.shift();
      if (delivery === undefined) return;
      this.running += 1;
      void this.handle(delivery, this.frame).finally(() => {
        this.running -= 1;
        this.drop(delivery);
        this.begin();
        this.ask();
      });
    }
  }

  private drop(delivery: Delivery): Delivery {
    this.held.delete(delivery.streamSeq);
    return delivery;
  }

  /** Keep every lease; ask again where the broker fell silent. */
  private keep(): void {
    for (const delivery of this.held.values()) delivery.extend();
    if (this.asked > 0 && performance.now() - this.lastSign > HEARTBEAT_S * 2500) this.askAnew();
  }
}
