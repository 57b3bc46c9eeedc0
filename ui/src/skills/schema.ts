/** What a form needs to know of a JSON Schema. What it cannot draw is typed as JSON. */

export type Schema = Record<string, unknown>;

export type Shape =
  | { kind: "object"; fields: { name: string; schema: Schema; required: boolean }[] }
  | { kind: "array"; items: Schema }
  | { kind: "choice"; values: unknown[] }
  | { kind: "text"; long: boolean; format: string }
  | { kind: "number"; whole: boolean; least: number | undefined; most: number | undefined }
  | { kind: "boolean" }
  | { kind: "json" };

/** Deeper than this nobody wants a form, and a schema may refer to itself. */
const DEEPEST = 5;
const LONG_CHARS = 200;
const LONG_NAMES = /(text|message|body|content|description|prompt|comment|note)s?$/i;

export function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Follow references within the document, and see through what is only "this, or nothing". */
export function resolved(schema: unknown, root: Schema, steps = 0): Schema {
  if (!isSchema(schema) || steps > 20) return {};
  if (typeof schema.$ref === "string") {
    const { $ref, ...beside } = schema;
    return { ...resolved(at(root, $ref), root, steps + 1), ...beside };
  }
  const ways = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(ways)) {
    const real = ways.filter((way) => !(isSchema(way) && way.type === "null"));
    if (real.length === 1) return { ...resolved(real[0], root, steps + 1), ...without(schema, "anyOf", "oneOf") };
  }
  if (Array.isArray(schema.allOf) && schema.allOf.length === 1) {
    const { allOf, ...beside } = schema;
    return { ...resolved(allOf[0], root, steps + 1), ...beside };
  }
  return schema;
}

/** The same without some of its names. */
export function without(known: Record<string, unknown>, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(known).filter(([name]) => !names.includes(name)));
}

function at(root: Schema, reference: string): unknown {
  if (!reference.startsWith("#")) return {};
  const names = reference.slice(1).split("/").slice(1).map((name) => decodeURIComponent(name).replaceAll("~1", "/").replaceAll("~0", "~"));
  return names.reduce<unknown>((within, name) => (isSchema(within) ? within[name] : undefined), root);
}

function typeOf(schema: Schema): unknown {
  if (!Array.isArray(schema.type)) return schema.type;
  const types = schema.type.filter((type) => type !== "null");
  return types.length === 1 ? types[0] : undefined;
}

/** How to draw a resolved schema. */
export function shapeOf(schema: Schema, depth: number): Shape {
  if (Array.isArray(schema.enum)) return { kind: "choice", values: schema.enum };
  if ("const" in schema) return { kind: "choice", values: [schema.const] };
  if (depth > DEEPEST || Array.isArray(schema.anyOf) || Array.isArray(schema.oneOf)) return { kind: "json" };
  const type = typeOf(schema);
  if (type === "string") {
    const most = typeof schema.maxLength === "number" ? schema.maxLength : 0;
    const format = typeof schema.format === "string" ? schema.format : "";
    return { kind: "text", long: most > LONG_CHARS, format };
  }
  if (type === "boolean") return { kind: "boolean" };
  if (type === "integer" || type === "number") {
    return { kind: "number", whole: type === "integer", least: numberIn(schema.minimum), most: numberIn(schema.maximum) };
  }
  if (type === "array" && isSchema(schema.items)) return { kind: "array", items: schema.items };
  if (type === "object" || isSchema(schema.properties)) return objectOf(schema);
  return { kind: "json" };
}

function objectOf(schema: Schema): Shape {
  const properties = isSchema(schema.properties) ? schema.properties : {};
  const names = Object.keys(properties);
  if (names.length === 0) return { kind: "json" };
  const required = Array.isArray(schema.required) ? schema.required : [];
  const fields = names.map((name) => ({
    name,
    schema: isSchema(properties[name]) ? properties[name] : {},
    required: required.includes(name),
  }));
  // What must be said comes first, otherwise in the order of its author.
  return { kind: "object", fields: [...fields.filter((field) => field.required), ...fields.filter((field) => !field.required)] };
}

function numberIn(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** What a form begins with: defaults, and room for what is required. */
export function beginning(given: unknown, root: Schema, depth = 0): unknown {
  const schema = resolved(given, root);
  // Nothing as a default is the same as to leave it out.
  if ("default" in schema) return schema.default ?? undefined;
  const shape = shapeOf(schema, depth);
  if (shape.kind === "object") {
    const filled = shape.fields.map(({ name, schema: of, required }) => [
      name,
      required || "default" in resolved(of, root) ? beginning(of, root, depth + 1) : undefined,
    ]);
    return Object.fromEntries(filled.filter(([, value]) => value !== undefined)) as unknown;
  }
  if (shape.kind === "array") return [];
  if (shape.kind === "boolean") return false;
  if (shape.kind === "choice" && shape.values.length === 1) return shape.values[0];
  return undefined;
}

/** Whether a text field is for more than a line. */
export function isLong(name: string, shape: Shape): boolean {
  return shape.kind === "text" && shape.format === "" && (shape.long || LONG_NAMES.test(name));
}

/** "/a/b" and the name below it. */
export function below(pointer: string, name: string | number): string {
  return `${pointer}/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** What a field is called: its own title, else its name in words. */
export function titleOf(schema: Schema, name: string): string {
  return typeof schema.title === "string" && schema.title.toLowerCase().replaceAll(" ", "") !== name.toLowerCase().replaceAll("_", "")
    ? schema.title
    : name;
}

export function describes(schema: Schema): string {
  return typeof schema.description === "string" ? schema.description : "";
}
