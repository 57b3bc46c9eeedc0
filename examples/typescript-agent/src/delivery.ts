// One delivery of a stored message (docs/protocol/reading.md, "The acknowledgement subject", "Settling").

import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { headersOf } from "./events.ts";

export class Delivery {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Record<string, string>;
  readonly streamSeq: number;
  readonly deliveries: number;
  /** What settled it; only the first verdict counts. */
  verdict = "";
  private readonly nc: NatsConnection;
  private readonly reply: string;

  constructor(nc: NatsConnection, msg: Msg) {
    this.nc = nc;
    this.subject = msg.subject;
    this.payload = msg.data;
    this.headers = headersOf(msg);
    this.reply = msg.reply!;
    const tokens = this.reply.split(".");
    const at = tokens.length >= 11 ? 6 : 4;
    this.deliveries = Number(tokens[at]);
    this.streamSeq = Number(tokens[at + 1]);
  }

  /** Number of this attempt, those at earlier copies of the message included. */
  get attempt(): number {
    const first = whole(this.headers["Tl-Attempt"]);
    return (first >= 1 && first <= 1_000_000 ? first : 1) + this.deliveries - 1;
  }

  get origin(): number {
    return whole(this.headers["Tl-Origin-Seq"]) || this.streamSeq;
  }

  get settled(): boolean {
    return this.verdict !== "";
  }

  ack(): void {
    this.settle("+ACK");
  }

  nak(delayS = 0): void {
    this.settle(delayS > 0 ? `-NAK {"delay": ${Math.round(delayS * 1e9)}}` : "-NAK");
  }

  term(reason: string): void {
    this.settle(`+TERM ${reason.replace(/[\r\n]/g, " ")}`);
  }

  extend(): void {
    if (!this.settled) this.nc.publish(this.reply, "+WPI");
  }

  settle(verdict: string): void {
    if (this.settled) return;
    this.verdict = verdict;
    this.nc.publish(this.reply, verdict);
  }
}

function whole(text: string | undefined): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : 0;
}
