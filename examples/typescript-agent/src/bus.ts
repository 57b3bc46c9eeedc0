// The connection to the broker, and storing (docs/protocol/connecting.md, messages.md "Storing").

import { connect, NoRespondersError, PermissionViolationError, RequestError, type NatsConnection } from "@nats-io/transport-node";
import { TrunklineError, type Problem } from "./errors.ts";
import { asHeaders, pack, type CloudEvent, type Packed } from "./events.ts";
import type { Connection } from "./hub.ts";
import { jittered, sleep, token, typeTokens } from "./names.ts";

const ACK_TIMEOUT_MS = 5000;
const GIVE_UP_MS = 30_000;
const FULL = new Set([10077, 10047, 10023]);
const TOO_LARGE = 10054;

interface PubAck {
  stream: string;
  seq: number;
  error?: { err_code: number; description: string };
}

export class Bus {
  readonly nc: NatsConnection;
  readonly connection: Connection;
  /** `tl.<workspace>`, which every subject begins with. */
  readonly root: string;
  private readonly onUp: (() => void)[] = [];

  private constructor(nc: NatsConnection, connection: Connection) {
    this.nc = nc;
    this.connection = connection;
    this.root = `tl.${connection.workspace}`;
    void this.watch();
  }

  static async open(connection: Connection, secret: string, name: string): Promise<Bus> {
    const nc = await connect({
      servers: connection.urls,
      token: secret,
      name,
      inboxPrefix: connection.inbox_prefix,
      pingInterval: 3000,
      maxPingOut: 2,
      maxReconnectAttempts: -1,
      reconnectDelayHandler: () => jittered(300),
      ignoreAuthErrorAbort: true,
      waitOnFirstConnect: true,
    });
    return new Bus(nc, connection);
  }

  get principal(): string {
    return token(this.connection.principal);
  }

  /** Called after each reconnect. */
  whenUp(callback: () => void): void {
    this.onUp.push(callback);
  }

  /** Have the broker store one message; again under the same id until it says so, for 30 s. */
  async store(subject: string, msgId: string, packed: Packed): Promise<PubAck> {
    const deadline = performance.now() + GIVE_UP_MS;
    const headers = asHeaders({ "Nats-Msg-Id": msgId, ...packed.headers });
    let why = "no answer";
    while (performance.now() < deadline) {
      try {
        const answer = await this.nc.request(subject, packed.payload, { timeout: ACK_TIMEOUT_MS, headers });
        const ack = answer.json<PubAck>();
        if (ack.error === undefined) return ack;
        why = ack.error.description;
        if (FULL.has(ack.error.err_code)) throw storeError("queue.full", 503, why);
        if (ack.error.err_code === TOO_LARGE) throw storeError("message.too_large", 413, why);
      } catch (thrown) {
        if (thrown instanceof TrunklineError || isDenied(thrown)) throw thrown;
        if (!isNobody(thrown)) why = String(thrown);
      }
      await sleep(100);
    }
    throw TrunklineError.of("bus.unavailable", why);
  }

  /** Publish an event: directly, or through the hub's gate where the token says so. */
  async publish(event: CloudEvent): Promise<void> {
    const type = typeTokens(event.type);
    if (!this.connection.governed_events) {
      await this.store(`${this.root}.events.${this.principal}.${type}`, `${this.connection.principal}:${event.id}`, pack(event));
      return;
    }
    const { payload, headers } = pack(event);
    const subject = `${this.root}.gate.${this.principal}.events.${type}`;
    const answer = await this.nc.request(subject, payload, { timeout: 8000, headers: asHeaders(headers) });
    if (answer.headers?.get("Tl-Kind") === "error") throw new TrunklineError(answer.json<Problem>());
  }

  private async watch(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === "reconnect") for (const callback of this.onUp) callback();
      if (status.type === "error") console.error(`broker: ${status.error.message}`);
    }
  }
}

function storeError(code: string, status: number, detail: string): TrunklineError {
  return new TrunklineError({ type: `urn:trunkline:error:${code}`, title: detail, status, code, detail });
}

function isNobody(thrown: unknown): boolean {
  return thrown instanceof NoRespondersError || (thrown instanceof RequestError && thrown.isNoResponders());
}

function isDenied(thrown: unknown): boolean {
  return thrown instanceof PermissionViolationError || (thrown as Error).cause instanceof PermissionViolationError;
}
