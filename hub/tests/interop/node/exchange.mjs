// Speaks CloudEvents through the official SDK: reads commands as JSON from standard input, answers with JSON.
import { CloudEvent, HTTP, emitterFor, httpTransport } from "cloudevents";

const bytes = (data) => (typeof data === "string" ? Buffer.from(data) : Buffer.from(data ?? ""));

function made(event) {
  const { data_text, data_bytes, data_json, ...attributes } = event;
  const data = data_bytes !== undefined ? new Uint8Array(Buffer.from(data_bytes, "base64")) : (data_text ?? data_json);
  return new CloudEvent({ ...attributes, ...(data === undefined ? {} : { data }) });
}

function told(event) {
  const { data, data_base64, ...attributes } = event.toJSON();
  const content = ArrayBuffer.isView(event.data) ? { bytes: Buffer.from(event.data).toString("base64") } : { value: event.data };
  return { attributes, ...content };
}

const commands = {
  // an event as the message that the SDK would send
  write: ({ mode, event }) => {
    const message = HTTP[mode](made(event));
    return { headers: message.headers, body: bytes(message.body).toString("base64") };
  },
  // a message as the event that the SDK reads out of it
  read: ({ headers, body }) => {
    const found = HTTP.toEvent({ headers, body: Buffer.from(body, "base64").toString() });
    return Array.isArray(found) ? found.map(told) : told(found);
  },
  // an event sent by the SDK itself
  send: async ({ url, token, mode, event }) => {
    const { Mode } = await import("cloudevents");
    const emit = emitterFor(httpTransport(url), { mode: mode === "binary" ? Mode.BINARY : Mode.STRUCTURED });
    const answer = await emit(made(event), { headers: { Authorization: `Bearer ${token}` } });
    return JSON.parse(answer.body);
  },
  // an answer of the hub, read by the SDK
  fetch: async ({ url, token, accept }) => {
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${token}`, ...(accept ? { Accept: accept } : {}) } });
    return told(HTTP.toEvent({ headers: Object.fromEntries(answer.headers), body: await answer.text() }));
  },
};

let input = "";
for await (const chunk of process.stdin) input += chunk;
const answers = [];
for (const { command, ...given } of JSON.parse(input)) answers.push(await commands[command](given));
process.stdout.write(JSON.stringify(answers));
