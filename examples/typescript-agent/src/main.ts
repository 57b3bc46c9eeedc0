// An agent that counts words: by call, out of a queue, and as a task.

import { Agent } from "./agent.ts";
import { PermanentError, TrunklineError } from "./errors.ts";
import { sleep } from "./names.ts";

const { TRUNKLINE_URL: url, TRUNKLINE_TOKEN: secret, TRUNKLINE_WORKSPACE: workspace, PREFIX: prefix = "" } = process.env;
if (!url || !secret) throw new Error("set TRUNKLINE_URL and TRUNKLINE_TOKEN");

const agent = new Agent(`${prefix}ts-words`, "1.0.0", url, secret, workspace ?? "default");

function count(text: unknown): number {
  if (typeof text !== "string") throw TrunklineError.of("message.payload_invalid", "the text must be a string");
  return text.split(/\s+/).filter((word) => word !== "").length;
}

const input_schema = { type: "string" };

agent.skill(`${prefix}count-words`, { description: "Counts words.", input_schema }, async (text, context) => {
  const words = count(text);
  if (words > 1000) await context.progress(0.5, "a long text");
  return { words, by: agent.identity.agent };
});

interface Job {
  text: string;
  /** Milliseconds that the work takes. */
  ms?: number;
}

agent.queue(`${prefix}texts`, 2, async function countText(data, context) {
  const job = data as Job;
  console.log(`begin ${context.event.id} ${context.attempt}`);
  const words = count(job.text);
  if (words === 0) throw new Error("there is nothing to count");
  if (job.text === "?") throw new PermanentError("nobody can count that");
  await sleep(job.ms ?? 0);
  await agent.publish(`${prefix}text.counted`, { id: context.event.id, words, by: agent.identity.agent });
});

agent.task(`${prefix}word-report`, { description: "Reports on texts.", input_schema }, async (text, task) => {
  await task.status("reading");
  await task.progress(0.5, "half of it");
  if (text === "") return `your text has ${count(task.ask("Which text?").parts[0]?.text)} words`;
  if (text === "for ever") await sleep(3_600_000);
  await task.artifact("words", String(text).split(/\s+/));
  return { words: count(text) };
});

await agent.run();
process.exit(0);
