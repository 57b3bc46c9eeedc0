// An agent: registers, connects, serves, reads, beats, leaves (docs/protocol/connecting.md).

import { Bus } from "./bus.ts";
import { SkillServer, type Skill } from "./calls.ts";
import { newEvent } from "./events.ts";
import { Hub, type Connection, type ReaderFrame, type Registered, type Registration } from "./hub.ts";
import { newToken, sleep, token } from "./names.ts";
import { Reader } from "./reader.ts";
import { TaskWorker, type LongSkill } from "./tasks.ts";
import { Worker, type Handler, type Identity } from "./work.ts";

const DRAIN_MS = 4000;
const ASK_MS = 60_000;

interface Reading {
  declared: Registration["readers"][number];
  concurrency: number;
  handler: Handler;
}

export class Agent {
  readonly identity: Identity;
  private readonly hub: Hub;
  private readonly secret: string;
  private readonly described: Record<string, unknown>[] = [];
  private readonly skills = new Map<string, Skill>();
  private readonly long = new Map<string, LongSkill>();
  private readonly reading: Reading[] = [];
  private servers: SkillServer[] = [];
  private readers: Reader[] = [];
  private workers: Worker[] = [];
  private state = "starting";
  private bus: Bus | undefined;

  constructor(name: string, version: string, url: string, secret: string, workspace = "default") {
    this.identity = { agent: name, instance: newToken(), version };
    this.hub = new Hub(url, secret, workspace);
    this.secret = secret;
  }

  /** Offer a function to callers. */
  skill(name: string, about: Record<string, unknown>, skill: Skill): void {
    this.described.push({ name, ...about });
    this.skills.set(name, skill);
  }

  /** Offer long work: each use is a task on record. */
  task(name: string, about: Record<string, unknown>, skill: LongSkill): void {
    this.described.push({ name, task: true, ...about });
    this.long.set(name, skill);
  }

  /** Take work from a queue. */
  queue(name: string, concurrency: number, handler: Handler): void {
    this.reading.push({ declared: { lane: "queue", name }, concurrency, handler });
  }

  /** Follow events of these types with a cursor of the group's own. */
  on(types: string[], group: string, handler: Handler): void {
    this.reading.push({ declared: { lane: "group", name: group, types }, concurrency: 1, handler });
  }

  async publish(type: string, data: unknown): Promise<void> {
    const source = `/${this.hub.workspace}/agents/${this.identity.agent}`;
    await this.bus!.publish(newEvent(type, source, data));
  }

  /** Serve until SIGINT or SIGTERM, then drain. */
  async run(): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
    });
    const { agent, instance } = this.identity;
    const registered = await this.register();
    const bus = (this.bus = await Bus.open(registered.connection, this.secret, `agent ${agent} ${instance}`));
    this.start(bus, registered);
    await bus.nc.flush();
    this.state = "healthy";
    bus.whenUp(() => this.beat());
    void this.beatForever(registered.connection);
    console.log(`ready: agent ${agent}, instance ${instance}`);
    await stopped;
    await this.leave(bus);
  }

  private register(): Promise<Registered> {
    if (this.long.size > 0) {
      const retry = { max_attempts: 5, base_s: 1, factor: 2, max_s: 300, jitter: 0.2, rules: [] };
      const declared = { lane: "queue" as const, name: `agent.${this.identity.agent}`, retry };
      const handler: Handler = (data, context) => this.tasks!.handle(data, context);
      this.reading.push({ declared, concurrency: 16, handler });
    }
    const wanted: Registration = {
      version: this.identity.version,
      protocol: 1,
      description: "An agent in TypeScript",
      skills: this.described,
      readers: this.reading.map((one) => one.declared),
    };
    return this.hub.ask("PUT", `/agents/${encodeURIComponent(this.identity.agent)}`, wanted);
  }

  private tasks: TaskWorker | undefined;

  private start(bus: Bus, registered: Registered): void {
    this.tasks = new TaskWorker(bus, this.hub, this.identity.agent, this.long);
    this.tasks.start();
    this.servers = [...this.skills].map(([name, skill]) => new SkillServer(bus, this.hub, this.identity, name, skill));
    for (const server of this.servers) {
      server.onProbe = (id) => this.beat(id);
      server.start();
    }
    this.reading.forEach((one, index) => {
      const worker = new Worker(bus, this.hub, this.identity, one.handler);
      const reader = new Reader(bus, registered.readers[index]!, one.concurrency, (d, f) => worker.handle(d, f));
      reader.onGone = () => void this.refit(bus);
      this.workers.push(worker);
      this.readers.push(reader);
      reader.start();
      if (one.declared.lane === "queue") {
        bus.nc.subscribe(`${bus.root}.changed.queue.${token(one.declared.name)}`, { callback: () => void this.refit(bus) });
      }
    });
    setInterval(() => void this.refit(bus), ASK_MS * (0.8 + 0.4 * Math.random())).unref();
    bus.nc.subscribe(`${bus.root}.probe.${token(this.identity.agent)}.${this.identity.instance}`, {
      callback: (_error, msg) => this.beat(msg.headers?.get("Tl-Probe") ?? ""),
    });
    bus.nc.subscribe("tl.rollcall", { callback: () => void sleep(Math.random() * 200).then(() => this.beat()) });
  }

  private refitting: Promise<void> | undefined;

  /** Take up settings that changed; several changes that come together are one. */
  private async refit(bus: Bus): Promise<void> {
    this.refitting ??= sleep(50 + Math.random() * 100)
      .then(() => this.refitNow(bus))
      .catch((error: unknown) => console.error(`could not ask for the queues' settings: ${String(error)}`))
      .finally(() => (this.refitting = undefined));
    await this.refitting;
  }

  private async refitNow(bus: Bus): Promise<void> {
    const path = `/agents/${encodeURIComponent(this.identity.agent)}/readers`;
    const found = await this.hub.ask<ReaderFrame[]>("GET", path, undefined, 30);
    const due = this.readers.flatMap((reader) => {
      const frame = found.find((one) => reader.frame.lane === "queue" && one.name === reader.frame.name);
      return frame !== undefined && JSON.stringify(frame) !== JSON.stringify(reader.frame) ? [{ reader, frame }] : [];
    });
    if (due.some(({ reader, frame }) => places(frame).some((place) => !places(reader.frame).includes(place)))) {
      const isUp = new Promise<void>((resolve) => bus.whenUp(resolve));
      await bus.nc.reconnect();
      await isUp;
    }
    for (const { reader, frame } of due) reader.refit(frame);
  }

  private beat(answers = ""): void {
    const { agent, instance, version } = this.identity;
    const connection = this.bus!.connection;
    const sum = (numbers: number[]): number => numbers.reduce((total, one) => total + one, 0);
    const beat = {
      ...(answers === "" ? {} : { answers: answers.slice(0, 64) }),
      state: this.state,
      version,
      lease_s: connection.heartbeat_s * 3,
      in_flight: sum([...this.servers, ...this.readers].map((one) => one.inFlight)),
      handled: sum([...this.servers, ...this.workers].map((one) => one.handled)),
      failed: sum([...this.servers, ...this.workers].map((one) => one.failed)),
    };
    const subject = `${this.bus!.root}.beat.${this.bus!.principal}.${token(agent)}.${instance}`;
    this.bus!.nc.publish(subject, JSON.stringify(beat));
  }

  private async beatForever({ heartbeat_s }: Connection): Promise<void> {
    while (this.state !== "offline") {
      this.beat();
      await sleep(heartbeat_s * 1000 * (0.9 + 0.1 * Math.random()));
    }
  }

  private async leave(bus: Bus): Promise<void> {
    this.state = "draining";
    this.beat();
    for (const server of this.servers) server.stop();
    const deadline = performance.now() + DRAIN_MS;
    await Promise.all(this.readers.map((reader) => reader.drain(DRAIN_MS)));
    while (this.servers.some((server) => server.inFlight > 0) && performance.now() < deadline) await sleep(10);
    this.state = "offline";
    this.beat();
    await bus.nc.flush();
    await bus.nc.close();
  }
}

/** Where a reader's messages come from: what is new among them needs new rights. */
function places(frame: ReaderFrame): string[] {
  const names = frame.lanes.length > 0 ? frame.lanes.map((lane) => lane.consumer) : [frame.consumer];
  return names.map((name) => `${frame.stream} ${name}`);
}
