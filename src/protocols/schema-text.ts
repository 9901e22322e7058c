/** JSON Schemas as text: kept verbatim, rewritten only where a vendor would refuse them (40-protocols 1.3, 1.5). */
import { applyEdits, removeMembers } from "../base/json-edit.ts";
import { watchNames } from "../base/json-names.ts";
import { findMember, isString, scanObject } from "../base/json-scan.ts";

const EMPTY_SCHEMA = '{"type":"object","properties":{}}';

type Schema = Record<string, unknown>;

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseSchema(text: string): Schema | null {
  try {
    const value: unknown = JSON.parse(text);
    return isSchema(value) ? value : null;
  } catch {
    return null; // Not a schema: left to the vendor's own words.
  }
}

/** A tool's parameters: a missing schema is an empty object (gcli2api#386). */
export function schemaOrEmpty(schema: string): string {
  return schema === "" ? EMPTY_SCHEMA : schema;
}

/** A free-text tool as a function: one string under `input`, described by the tool's grammar. */
export function customToolSchema(grammar: { syntax: string; definition: string } | undefined): string {
  const description =
    grammar === undefined
      ? "The tool's input as free text."
      : `Free text that follows this ${grammar.syntax} grammar:\n${grammar.definition}`;
  return JSON.stringify({
    type: "object",
    properties: { input: { type: "string", description } },
    required: ["input"],
  });
}

/** Whether OpenAI takes the schema with `strict: true`: every property required, nothing additional, at every level. */
export function isStrictSchema(text: string): boolean {
  const schema = parseSchema(text);
  return schema !== null && isStrict(schema, 0);
}

function isStrict(value: unknown, depth: number): boolean {
  if (depth > 64) return false;
  if (Array.isArray(value)) return value.every((item) => isStrict(item, depth + 1));
  if (!isSchema(value)) return true;
  const types = Array.isArray(value.type) ? value.type : [value.type];
  if (types.includes("object") || value.properties !== undefined) {
    if (value.additionalProperties !== false) return false;
    const properties = isSchema(value.properties) ? Object.keys(value.properties) : [];
    const required = new Set(Array.isArray(value.required) ? value.required : []);
    if (!properties.every((name) => required.has(name))) return false;
  }
  for (const key of ["properties", "$defs", "definitions"]) {
    const group = value[key];
    if (isSchema(group) && !Object.values(group).every((item) => isStrict(item, depth + 1))) return false;
  }
  for (const key of ["items", "anyOf", "allOf", "oneOf"]) {
    if (value[key] !== undefined && !isStrict(value[key], depth + 1)) return false;
  }
  return true;
}

const TOP_LEVEL = watchNames(["type", "oneOf", "anyOf", "allOf", "$schema"]);
const DRAFT = "https://json-schema.org/draft/2020-12/schema";

/**
 * A tool schema as Anthropic takes it: an object without combinators at the top, else put under `input`; a `$schema`
 * of another draft goes. Everything else stays byte for byte.
 */
export function claudeToolSchema(schema: string): { text: string; wrapped: boolean } {
  const bytes = Buffer.from(schemaOrEmpty(schema));
  const scan = scanObject(bytes, TOP_LEVEL);
  const draft = findMember(scan, "$schema");
  const foreign =
    draft !== undefined && !isString(bytes, draft, DRAFT) && !isString(bytes, draft, `${DRAFT}#`);
  const text =
    draft !== undefined && foreign
      ? Buffer.concat(applyEdits(bytes, removeMembers([draft]))).toString()
      : bytes.toString();
  const type = findMember(scan, "type");
  const combined = ["oneOf", "anyOf", "allOf"].some((name) => findMember(scan, name) !== undefined);
  if (!combined && type !== undefined && isString(bytes, type, "object")) return { text, wrapped: false };
  if (scan.count === 0) return { text: EMPTY_SCHEMA, wrapped: false };
  return { text: `{"type":"object","properties":{"input":${text}},"required":["input"]}`, wrapped: true };
}

const FORMATS = new Set([
  "date-time",
  "time",
  "date",
  "duration",
  "email",
  "hostname",
  "uri",
  "ipv4",
  "ipv6",
  "uuid",
]);

/**
 * A schema as Anthropic's structured output takes it: what @anthropic-ai/sdk's `lib/transform-json-schema` does, except
 * that a schema without type or combinator stays as it is instead of throwing. Not an object: unchanged.
 */
export function structuredSchema(text: string): string {
  const schema = parseSchema(text);
  return schema === null ? text : JSON.stringify(restrict(schema, 0));
}

function isPrimitive(value: unknown): boolean {
  return value === null || typeof value !== "object";
}

function restrictAll(group: unknown, depth: number): Schema {
  const entries = isSchema(group) ? Object.entries(group) : [];
  return Object.fromEntries(entries.map(([name, item]) => [name, restrict(item, depth)]));
}

function restrict(source: unknown, depth: number): unknown {
  if (!isSchema(source) || depth > 64) return source;
  const rest: Schema = { ...source };
  const take = (key: string): unknown => {
    const value = rest[key];
    delete rest[key];
    return value;
  };
  const out: Schema = {};
  const defs = take("$defs");
  if (defs !== undefined) out.$defs = restrictAll(defs, depth + 1);
  const ref = take("$ref");
  if (ref !== undefined) return { ...out, $ref: ref };

  const literals = rest.enum;
  if (Array.isArray(literals) && literals.length > 0 && literals.every(isPrimitive)) out.enum = take("enum");
  if (rest.const !== undefined && isPrimitive(rest.const)) out.const = take("const");
  const hasLiterals = "enum" in out || "const" in out;
  const declared = take("type");
  const type = hasLiterals ? undefined : declared;
  take("$schema");
  const anyOf = take("anyOf");
  const oneOf = take("oneOf");
  const allOf = take("allOf");
  const variants = (list: readonly unknown[]) => list.map((item) => restrict(item, depth + 1));
  if (Array.isArray(anyOf)) out.anyOf = variants(anyOf);
  else if (Array.isArray(oneOf)) out.anyOf = variants(oneOf);
  else if (Array.isArray(allOf)) out.allOf = variants(allOf);
  else if (!hasLiterals) {
    if (type === undefined) return source;
    out.type = type;
  }
  const description = take("description");
  if (description !== undefined) out.description = description;
  const title = take("title");
  if (title !== undefined) out.title = title;
  restrictByType(type, out, rest, take, depth);
  return describeRest(out, rest);
}

function restrictByType(
  type: unknown,
  out: Schema,
  rest: Schema,
  take: (key: string) => unknown,
  depth: number,
): void {
  if (type === "object") {
    out.properties = restrictAll(take("properties"), depth + 1);
    take("additionalProperties");
    out.additionalProperties = false;
    const required = take("required");
    if (required !== undefined) out.required = required;
  } else if (type === "string") {
    if (typeof rest.format === "string" && FORMATS.has(rest.format)) out.format = take("format");
  } else if (type === "array") {
    const items = take("items");
    if (items !== undefined) out.items = restrict(items, depth + 1);
    if (rest.minItems === 0 || rest.minItems === 1) out.minItems = take("minItems");
  }
}

/** Keywords that are not taken become words: the model can still follow them. */
function describeRest(out: Schema, rest: Schema): Schema {
  const left = Object.entries(rest);
  if (left.length === 0) return out;
  const words = left.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(", ");
  const lead = typeof out.description === "string" && out.description !== "" ? `${out.description}\n\n` : "";
  return { ...out, description: `${lead}{${words}}` };
}
