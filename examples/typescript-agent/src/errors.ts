// Errors as problem details (docs/protocol/README.md, "Errors").

export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  remedy?: string;
  errors?: { pointer: string; detail: string }[];
}

const TITLES: Record<string, [number, string]> = {
  "call.failed": [502, "The agent raised an error"],
  "call.timeout": [504, "The agent did not answer in time"],
  "message.envelope_invalid": [422, "The message is not a CloudEvent 1.0"],
  "message.payload_invalid": [422, "The payload does not match the declared schema"],
  "message.payload_gone": [410, "The payload that the message refers to is no longer stored"],
  "message.expired": [422, "The message's time was over before a worker took it"],
  "task.needed": [409, "The skill has to ask its caller, and a plain call cannot be asked"],
  "agent.offline": [503, "The agent is registered but no instance of it is connected"],
  "bus.unavailable": [503, "The message broker cannot be reached"],
};

/** An error of the catalogue: its code is what programs decide by. */
export class TrunklineError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }

  static of(code: string, detail: string): TrunklineError {
    const [status, title] = TITLES[code] ?? [500, "Something went wrong"];
    return new TrunklineError({ type: `urn:trunkline:error:${code}`, title, status, code, detail });
  }

  get code(): string {
    return this.problem.code;
  }
}

/** Thrown by a handler: trying again is hopeless. */
export class PermanentError extends Error {}

/** Thrown by a handler: try again after so many seconds. */
export class RetryAfterError extends Error {
  readonly delayS: number;

  constructor(delayS: number, message = `try again in ${delayS} s`) {
    super(message);
    this.delayS = delayS;
  }
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** What a caller is told of whatever a handler threw. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof TrunklineError) return thrown.problem;
  const error = asError(thrown);
  return TrunklineError.of("call.failed", `${error.constructor.name}: ${error.message}`).problem;
}
