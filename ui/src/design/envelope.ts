export interface Envelope {
  specversion: string;
  data?: unknown;
}

/** Whether a message is a CloudEvent. */
export function isEnvelope(message: unknown): message is Envelope {
  return typeof message === "object" && message !== null && "specversion" in message;
}
