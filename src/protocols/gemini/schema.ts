/** Converts Gemini's schema (an OpenAPI subset with protobuf spellings) to JSON Schema and, for old endpoints, back. */
import { isObject, type JsonObject, listOf } from "../json-value.ts";

/** Members of a Gemini schema that hold an int64, which protobuf's JSON writes as a string. */
const INTEGERS = new Set([
  "minItems",
  "maxItems",
  "minLength",
  "maxLength",
  "minProperties",
  "maxProperties",
]);

/** Not part of JSON Schema, and without meaning for another vendor. */
const DROPPED = new Set(["propertyOrdering", "example", "nullable"]);

/** What the legacy `parameters` and `responseSchema` take; any other keyword is a 400 there (new-api #7455, 9router#3018). */
const LEGACY = new Set([
  "type",
  "format",
  "title",
  "description",
  "nullable",
  "enum",
  "default",
  "items",
  "minItems",
  "maxItems",
  "properties",
  "required",
  "minProperties",
  "maxProperties",
  "minLength",
  "maxLength",
  "pattern",
  "minimum",
  "maximum",
  "anyOf",
]);

/** Formats the legacy schema takes for strings. */
const LEGACY_FORMATS = new Set(["enum", "date-time", "float", "double", "int32", "int64"]);

/** The same bound as the parser's: deeper bodies are refused before they come here. */
const MAX_DEPTH = 512;

/** `system_instruction` -> `systemInstruction`: protobuf JSON takes both spellings. */
export function camelCase(name: string): string {
  return name.includes("_")
    ? name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
    : name;
}

/** A Gemini schema as JSON Schema; anything that is no schema comes back as it is. */
export function toJsonSchema(schema: unknown, depth = 0): unknown {
  if (!isObject(schema) || depth > MAX_DEPTH) return schema;
  const result: Record<string, unknown> = {};
  let nullable = false;
  for (const key of Object.keys(schema)) {
    const name = camelCase(key);
    const value = schema[key];
    if (name === "nullable") nullable = value === true;
    if (DROPPED.has(name)) continue;
    result[name] = convertMember(name, value, depth);
  }
  if (nullable) addNull(result);
  return result;
}

function convertMember(name: string, value: unknown, depth: number): unknown {
  if (name === "type") return lowerType(value);
  if (INTEGERS.has(name)) return typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (name === "items") return toJsonSchema(value, depth + 1);
  if (name === "anyOf") return listOf(value).map((option) => toJsonSchema(option, depth + 1));
  if (name === "properties" && isObject(value)) return mapProperties(value, depth, toJsonSchema);
  return value;
}

function mapProperties(
  properties: JsonObject,
  depth: number,
  convert: (schema: unknown, depth: number) => unknown,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  // Property names are the author's own words: never respelled.
  for (const key of Object.keys(properties)) result[key] = convert(properties[key], depth + 1);
  return result;
}

function lowerType(value: unknown): unknown {
  if (typeof value === "string") return value.toLowerCase();
  return Array.isArray(value) ? value.map(lowerType) : value;
}

/** `nullable: true`: the type gets null beside it; an enum must name null too, else null is still refused. */
function addNull(schema: Record<string, unknown>): void {
  const type = schema.type;
  if (typeof type === "string") schema.type = [type, "null"];
  else if (Array.isArray(type) && !type.includes("null")) schema.type = [...type, "null"];
  if (Array.isArray(schema.enum) && !schema.enum.includes(null)) schema.enum = [...schema.enum, null];
  if (Array.isArray(schema.anyOf) && type === undefined) schema.anyOf = [...schema.anyOf, { type: "null" }];
}

/**
 * JSON Schema as the OpenAPI subset, for endpoints that know no `parametersJsonSchema`. It loses what the subset cannot
 * say: `lost` receives the keywords. References are put in place up to four levels of recursion.
 */
export function toGeminiSchema(schema: unknown, lost: Set<string>): unknown {
  const root = isObject(schema) ? schema : {};
  return convertLegacy(schema, { root, lost, expanding: [] }, 0);
}

interface LegacyContext {
  readonly root: JsonObject;
  readonly lost: Set<string>;
  /** References being expanded, for recursive schemas. */
  readonly expanding: string[];
}

function convertLegacy(schema: unknown, context: LegacyContext, depth: number): unknown {
  if (!isObject(schema) || depth > MAX_DEPTH) return isObject(schema) ? {} : schema;
  if (typeof schema.$ref === "string") return convertReference(schema.$ref, context, depth);
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(schema)) {
    const value = schema[key];
    if (key === "$defs" || key === "definitions" || key === "$schema") continue;
    if (key === "type") setLegacyType(result, value, context);
    else if (key === "const") result.enum = [String(value)];
    else if (key === "oneOf" || key === "anyOf") {
      result.anyOf = listOf(value).map((option) => convertLegacy(option, context, depth + 1));
    } else if (key === "enum") {
      const words = listOf(value);
      if (words.includes(null)) result.nullable = true;
      result.enum = words.filter((word) => word !== null).map(String);
    } else if (key === "items") result.items = convertLegacy(value, context, depth + 1);
    else if (key === "properties" && isObject(value)) {
      result.properties = mapProperties(value, depth, (inner, level) => convertLegacy(inner, context, level));
    } else if (key === "format" && !LEGACY_FORMATS.has(String(value))) context.lost.add(key);
    else if (LEGACY.has(key)) result[key] = value;
    else context.lost.add(key);
  }
  // The subset knows enums of strings only.
  if (result.enum !== undefined && result.type !== "STRING") result.type = "STRING";
  return result;
}

function setLegacyType(result: Record<string, unknown>, value: unknown, context: LegacyContext): void {
  const types = Array.isArray(value) ? value.filter((type) => type !== "null") : [value];
  if (Array.isArray(value) && value.includes("null")) result.nullable = true;
  const upper = types.map((type) => String(type).toUpperCase());
  if (upper.length > 1) {
    result.anyOf = upper.map((type) => ({ type }));
    context.lost.add("type");
  } else if (upper[0] !== undefined) result.type = upper[0];
}

function convertReference(reference: string, context: LegacyContext, depth: number): unknown {
  const seen = context.expanding.filter((name) => name === reference).length;
  let target: unknown = context.root;
  for (const step of reference.startsWith("#/") ? reference.slice(2).split("/") : ["?"]) {
    target = isObject(target)
      ? target[decodeURIComponentSafely(step).replaceAll("~1", "/").replaceAll("~0", "~")]
      : undefined;
  }
  if (seen >= 4 || !isObject(target) || target === context.root) {
    context.lost.add("$ref");
    return { type: "OBJECT" };
  }
  context.expanding.push(reference);
  const result = convertLegacy(target, context, depth + 1);
  context.expanding.pop();
  return result;
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign is part of the name.
    return text;
  }
}
