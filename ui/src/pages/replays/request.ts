import type { Job, ReplayRequest } from "~/api/resources";
import { format } from "~/design";

/** What a replay was asked to do, as its job keeps it. */
export function requestOf(job: Job): ReplayRequest {
  return job.params as unknown as ReplayRequest;
}

export type Target = ReplayRequest["target"];
export type Tempo = "fastest" | "original" | "rate";

/** What the form holds; text as it was typed. */
export interface Draft {
  types: string[];
  subject: string;
  correlation: string;
  since: string | null;
  until: string | null;
  after: string | number;
  upTo: string | number;
  target: Target;
  group: string;
  follow: boolean;
  format: "ndjson" | "ndjson.zst";
  tempo: Tempo;
  speed: string | number;
  rate: string | number;
}

/** A draft that carries over what an address says, such as the explorer's filter. */
export function draftOf(params: URLSearchParams): Draft {
  const type = params.get("type");
  return {
    types: type === null ? [] : type.split(","),
    subject: params.get("subject") ?? "",
    correlation: params.get("correlation") ?? "",
    since: params.get("since"),
    until: params.get("until"),
    after: params.get("after") ?? "",
    upTo: params.get("up_to") ?? "",
    target: "group",
    group: "",
    follow: false,
    format: "ndjson.zst",
    tempo: "fastest",
    speed: 1,
    rate: 100,
  };
}

/** Why a new group cannot go on with what happens from now on; undefined where it can. */
export function whyNotFollow(draft: Draft): string | undefined {
  const narrowed = draft.until !== null || draft.upTo !== "" || draft.subject !== "" || draft.correlation !== "";
  return narrowed ? "Only a past that ends now and is chosen by types alone can be gone on with" : undefined;
}

/** What is missing before it can start. */
export function missing(draft: Draft): string | undefined {
  if (draft.target === "group" && draft.group === "") return "Choose the group";
  if (draft.target === "new_group" && draft.group.trim() === "") return "Name the new group";
  return undefined;
}

function selection(draft: Draft): Omit<ReplayRequest, "target"> {
  return {
    ...(draft.types.length === 0 ? {} : { types: draft.types }),
    ...(draft.subject.trim() === "" ? {} : { subject: draft.subject.trim() }),
    ...(draft.correlation.trim() === "" ? {} : { correlation_id: draft.correlation.trim() }),
    ...(draft.since === null ? {} : { since: draft.since }),
    ...(draft.until === null ? {} : { until: draft.until }),
    ...(draft.after === "" ? {} : { after_seq: Number(draft.after) }),
    ...(draft.upTo === "" ? {} : { until_seq: Number(draft.upTo) }),
  };
}

/** The same events, only counted. */
export function countOf(draft: Draft): ReplayRequest {
  return { ...selection(draft), target: "dry_run" };
}

export function toRequest(draft: Draft): ReplayRequest {
  const { target, tempo } = draft;
  const isPaced = target !== "dry_run";
  return {
    ...selection(draft),
    target,
    ...(target === "group" || target === "new_group" ? { group: draft.group.trim() } : {}),
    ...(target === "new_group" && draft.follow && whyNotFollow(draft) === undefined ? { follow: true } : {}),
    ...(target === "file" ? { format: draft.format } : {}),
    ...(isPaced && tempo === "original" ? { speed: Number(draft.speed) } : {}),
    ...(isPaced && tempo === "rate" ? { rate_per_s: Number(draft.rate) } : {}),
  };
}

const TARGETS: Record<Target, (wanted: ReplayRequest) => string> = {
  group: ({ group }) => `group ${group ?? ""}`,
  new_group: ({ group }) => `new group ${group ?? ""}`,
  file: ({ format: kind }) => `a file (${kind ?? "ndjson.zst"})`,
  dry_run: () => "nobody: only counted",
};

export function targetWords(wanted: ReplayRequest): string {
  return TARGETS[wanted.target](wanted);
}

/** How fast it goes; its rate may have been changed under way. */
export function paceWords(job: Job): string {
  const { speed } = requestOf(job);
  if (speed != null) return speed === 1 ? "original pace" : `${String(speed)} × the original pace`;
  return job.rate_per_s === null ? "as fast as it goes" : `${format.rate(job.rate_per_s)} a second`;
}

/** The address that starts another with the same events. */
export function againSearch({ types = [], subject, correlation_id, since, until, after_seq, until_seq }: ReplayRequest): string {
  const params = new URLSearchParams({ new: "" });
  const given = { type: types.join(","), subject, correlation: correlation_id, since, until, after: after_seq, up_to: until_seq };
  for (const [name, value] of Object.entries(given)) {
    if (value != null && value !== "") params.set(name, String(value));
  }
  return params.toString();
}
