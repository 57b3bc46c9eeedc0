import type { components } from "./schema";

type Schemas = components["schemas"];

export type Agent = Schemas["Agent"];
export type Attempt = Schemas["Attempt"];
export type DeadLetter = Schemas["DeadLetter"];
export type DeadLetterDetail = Schemas["DeadLetterDetail"];
export type DeadLetterPage = Schemas["DeadLetterPage"];
export type Job = Schemas["Job"];
export type CronTimes = Schemas["CronTimes"];
export type Firing = Schemas["Firing"];
export type MoveRequest = Schemas["MoveRequest"];
export type Overview = Schemas["Overview"];
export type PurgeRequest = Schemas["PurgeRequest"];
export type QueueDeclaration = Schemas["QueueDeclaration"] & QueueOptions;
export type QueuedMessage = Schemas["QueuedMessage"];
export type QueueStatus = Schemas["QueueStatus"];
export type QueueWork = Schemas["QueueWork"];
export type ReaderLag = Schemas["ReaderLag"];
export type Redriven = Schemas["Redriven"];
export type DeadEnd = Schemas["DeadEnd"];
export type Explanation = Schemas["Explanation"];
export type Revision = Schemas["Revision"];
export type Route = Schemas["Route"];
export type RouteDeclaration = Schemas["RouteDeclaration"];
export type RouteSample = Schemas["RouteSample"];
export type RouteTarget = Schemas["RouteTarget"];
export type Sample = Schemas["Sample"];
export type Schedule = Schemas["Schedule"];
export type ScheduleDeclaration = Schemas["ScheduleDeclaration"];
export type Scheduled = Schemas["Scheduled"];
export type ScheduledDetail = Schemas["ScheduledDetail"];
export type StoredEvent = Schemas["Event"];
export type EventPage = Schemas["EventPage"];
export type EventType = Schemas["EventType"];
export type EventTypeDeclaration = Schemas["EventTypeDeclaration"];
export type EventTypeDetail = Schemas["EventTypeDetail"];
export type EventTypeVersion = Schemas["EventTypeVersion"];
export type CompatibilityReport = Schemas["CompatibilityReport"];
export type Group = Schemas["Group"];
export type Handling = Schemas["Handling"];
export type Trace = Schemas["Trace"];
export type TraceNode = Schemas["TraceNode"];
export type TracedLetter = Schemas["TracedLetter"];
export type Whoami = Schemas["Whoami"];
export type Lane = DeadLetter["lane"];

/** A queue; what not every hub tells of it is optional. */
export type Queue = Schemas["Queue"] & QueueMeasures & QueueOptions;

/** How a queue does: shown where the hub measures it. */
interface QueueMeasures {
  oldest_age_s?: number | null;
  in_per_s?: number;
  out_per_s?: number;
  workers?: number;
  /** Depth, oldest first. */
  trend?: number[];
  trend_s?: number;
  lanes?: { priority: string; partition: number | null; depth: number; in_flight: number }[];
}

/** Settings beyond retries, leases and places in flight: offered where the hub knows them. */
interface QueueOptions {
  classes?: Record<string, number> | null;
  concurrency_per_key?: number | null;
  partitions?: number | null;
  dedupe_window_s?: number | null;
  max_messages?: number | null;
  max_bytes?: number | null;
  expires_after_s?: number | null;
}
