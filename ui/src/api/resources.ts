import type { components } from "./schema";

type Schemas = components["schemas"];

export type Agent = Schemas["Agent"];
export type Attempt = Schemas["Attempt"];
export type DeadLetter = Schemas["DeadLetter"];
export type DeadLetterDetail = Schemas["DeadLetterDetail"];
export type DeadLetterPage = Schemas["DeadLetterPage"];
export type Job = Schemas["Job"];
export type Overview = Schemas["Overview"];
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
export type StoredEvent = Schemas["Event"];
export type Whoami = Schemas["Whoami"];
export type Lane = DeadLetter["lane"];
