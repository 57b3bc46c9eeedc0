// Validates the AsyncAPI document on standard input; prints what is wrong as JSON.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const found = diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path: path.join("/") }));
process.stdout.write(JSON.stringify({ version: document?.version(), diagnostics: found }));
