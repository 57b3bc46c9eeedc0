import { expect, test } from "vitest";

import { below, beginning, resolved, shapeOf } from "./schema";

const ROOT = {
  $defs: {
    Node: { type: "object", properties: { name: { type: "string" }, next: { $ref: "#/$defs/Node" } }, required: ["name"] },
    Colour: { enum: ["red", "green"] },
  },
};

test("references, optionals and wrappers are seen through", () => {
  expect(resolved({ $ref: "#/$defs/Colour", description: "x" }, ROOT)).toEqual({ enum: ["red", "green"], description: "x" });
  expect(resolved({ anyOf: [{ type: "integer" }, { type: "null" }], default: null }, ROOT)).toEqual({ type: "integer", default: null });
  expect(resolved({ allOf: [{ $ref: "#/$defs/Colour" }], title: "C" }, ROOT)).toEqual({ enum: ["red", "green"], title: "C" });
  expect(shapeOf({ type: ["string", "null"] }, 0)).toMatchObject({ kind: "text" });
});

test("what refers to itself or cannot be drawn ends as JSON", () => {
  expect(resolved({ $ref: "#/$defs/Gone" }, ROOT)).toEqual({});
  const loop = { $defs: { A: { $ref: "#/$defs/A" } } };
  expect(shapeOf(resolved({ $ref: "#/$defs/A" }, loop), 0)).toEqual({ kind: "json" });
  expect(shapeOf({ type: "object", additionalProperties: true }, 0)).toEqual({ kind: "json" });
  expect(shapeOf({ anyOf: [{ type: "string" }, { type: "integer" }] }, 0)).toEqual({ kind: "json" });
  expect(shapeOf(resolved({ $ref: "#/$defs/Node" }, ROOT), 9)).toEqual({ kind: "json" });
  expect(resolved({ $ref: "https://elsewhere.example/x" }, ROOT)).toEqual({});
});

test("a form begins with defaults and room for what is required", () => {
  const schema = {
    type: "object",
    properties: {
      item: { type: "string" },
      count: { type: "integer", default: 2 },
      extra: { type: "boolean" },
      sure: { type: "boolean" },
      lines: { type: "array", items: { type: "string" } },
      at: { type: "object", properties: { city: { type: "string", default: "Ulm" } } },
    },
    required: ["sure", "lines", "at"],
  };
  expect(beginning(schema, schema)).toEqual({ count: 2, sure: false, lines: [], at: { city: "Ulm" } });
  expect(beginning({ $ref: "#/$defs/Node" }, ROOT)).toEqual({});
});

test("pointers are escaped", () => {
  expect(below(below("", "a/b"), 0)).toBe("/a~1b/0");
});
