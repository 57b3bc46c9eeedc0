// Serving a skill (docs/protocol/calls.md).

import type { Msg, Subscription } from "@nats-io/transport-node";
import type { Bus } from "./bus.ts";
import { asProblem, TrunklineError } from "./errors.ts";
import { asHeaders, headersOf, newEvent, pack, unpack, type CloudEvent } from "./events.ts";
import type { Hub } from "./hub.ts";
import { part, token } from "./names.ts";
import type { Identity } from "./work.ts";

/** What a skill knows about the call in its hands. */
export interface CallContext {
  event: CloudEvent;
  /** Principal who calls; the broker vouches for it. */
  caller: string;
  /** Aborted when nobody waits any longer. */
  signal: AbortSignal;
  progress(fraction: number, message?: string): Promise<void>;
}

export type Skill = (input: unknown, context: CallContext) => Promise<unknown>;

export class SkillServer {
  /** Called with the id of a probe that came the way calls come. */
  onProbe = (_id: string): void => {};
  inFlight = 0;
  handled = 0;
  failed = 0;
  private readonly bus: Bus;
  private readonly hub: Hub;
  private readonly identity: Identity;
  private readonly name: string;
  private readonly skill: Skill;
  private readonly replies: string;
  private readonly running = new Map<string, { caller: string; stop: AbortController }>();
  private subscriptions: Subscription[] = [];

  constructor(bus: Bus, hub: Hub, identity: Identity, name: string, skill: Skill) {
    this.bus = bus;
    this.hub = hub;
    this.identity = identity;
    this.name = name;
    this.skill = skill;
    this.replies = `${bus.root}.reply.${token(name)}.`;
  }

  start(): void {
    const { nc, root } = this.bus;
    const calls = `${root}.call.*.${token(this.name)}`;
    const mine = `${calls}.${token(this.identity.agent)}`;
    const callback = (_error: unknown, msg: Msg): void => void this.answer(msg);
    this.subscriptions = [
      nc.subscribe(`${calls}._._`, { queue: "skill", callback }),
      nc.subscribe(`${mine}._`, { queue: "agent", callback }),
      nc.subscribe(`${mine}.${token(this.identity.instance)}`, { callback }),
      nc.subscribe(`${root}.cancel.*.${token(this.name)}.*`, { callback: (_error, msg) => this.cancel(msg) }),
    ];
  }

  stop(): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe();
  }

  private async answer(msg: Msg): Promise<void> {
    const reply = msg.reply;
    if (reply === undefined || !reply.startsWith(this.replies)) return;
    const probe = msg.headers?.get("Tl-Probe");
    if (probe) {
      this.send(reply, "", { "Tl-Kind": "alive" });
      if (probe !== "caller") this.onProbe(probe);
      return;
    }
    this.inFlight += 1;
    try {
      const { payload, headers } = await this.run(msg, reply);
      this.send(reply, payload, { ...headers, "Tl-Kind": "result" });
      this.handled += 1;
    } catch (thrown) {
      this.failed += 1;
      const headers = { "Content-Type": "application/problem+json", "Tl-Kind": "error" };
      if (!(thrown instanceof CalledOffError)) this.send(reply, JSON.stringify(asProblem(thrown)), headers);
    } finally {
      this.inFlight -= 1;
    }
  }

  private async run(msg: Msg, reply: string): Promise<ReturnType<typeof pack>> {
    const seconds = timeoutOf(msg);
    const event = unpack(msg.data, headersOf(msg));
    const caller = part(msg.subject, 3);
    const stop = new AbortController();
    const isAway = event.dataref !== undefined && event.data === undefined;
    const progress = async (fraction: number, message = ""): Promise<void> => {
      const said = JSON.stringify(message === "" ? { fraction } : { fraction, message });
      this.send(reply, said, { "Content-Type": "application/json", "Tl-Kind": "progress" });
    };
    this.running.set(event.id, { caller, stop });
    const timer = setTimeout(() => stop.abort(TrunklineError.of("call.timeout", `not done within ${seconds} s`)), seconds * 1000);
    try {
      const given = new Promise<never>((_, reject) => stop.signal.addEventListener("abort", () => reject(stop.signal.reason)));
      given.catch(() => {});
      const input = isAway ? await this.hub.payload(event.dataref!, event.datacontenttype) : event.data;
      const output = await Promise.race([this.skill(input, { event, caller, signal: stop.signal, progress }), given]);
      const links = { causationid: event.id, correlationid: event.correlationid ?? event.id };
      const trace = event.traceparent === undefined ? {} : { traceparent: event.traceparent };
      return pack(newEvent(`reply.${this.name}`, this.source, output ?? null, { ...links, ...trace }));
    } finally {
      clearTimeout(timer);
      this.running.delete(event.id);
    }
  }

  private cancel(msg: Msg): void {
    const by = part(msg.subject, 3);
    const called = this.running.get(part(msg.subject, -1));
    if (called !== undefined && (by === "hub" || by === called.caller)) called.stop.abort(new CalledOffError());
  }

  private send(reply: string, payload: Uint8Array | string, headers: Record<string, string>): void {
    const who = `${this.identity.agent}/${this.identity.instance}`;
    this.bus.nc.publish(reply, payload, { headers: asHeaders({ ...headers, "Tl-Instance": who }) });
  }

  private get source(): string {
    return `/${this.bus.connection.workspace}/agents/${this.identity.agent}`;
  }
}

/** The caller no longer waits: nobody is answered. */
class CalledOffError extends Error {}

function timeoutOf(msg: Msg): number {
  const seconds = Number(msg.headers?.get("Tl-Timeout") || NaN);
  return seconds > 0 && Number.isFinite(seconds) ? Math.min(seconds, 86_400) : 300;
}
