/** Converts v1's `parameter_definitions` (flat, Python types) to JSON Schema and back. */
import { isObject, type JsonObject, listOf, stringOf } from "../json-value.ts";

type Schema = Record<string, unknown>;

const TYPES: Readonly<Record<string, string>> = {
  str: "string",
  string: "string",
  int: "integer",
  integer: "integer",
  float: "number",
  number: "number",
  bool: "boolean",
  boolean: "boolean",
  dict: "object",
  object: "object",
  any: "",
};

/** `List[int]` -> array of integers, `Dict[str, float]` -> object of numbers, an unknown word -> any value. */
function typeSchema(python: string, depth = 0): Schema {
  const type = python.trim();
  const generic = /^(?:typing\.)?(\w+)\s*\[(.*)\]$/s.exec(type);
  const name = (generic?.[1] ?? type).toLowerCase();
  const inner = generic?.[2] ?? "";
  if (name === "list" || name === "array" || name === "tuple" || name === "set")
    return inner === "" || depth > 8
      ? { type: "array" }
      : { type: "array", items: typeSchema(inner, depth + 1) };
  if (name === "optional" && inner !== "" && depth <= 8) return typeSchema(inner, depth + 1);
  if (name === "dict" && inner !== "" && depth <= 8) {
    const value = inner.slice(inner.indexOf(",") + 1);
    return { type: "object", additionalProperties: typeSchema(value, depth + 1) };
  }
  const word = TYPES[name];
  return word === undefined || word === "" ? {} : { type: word };
}

/** JSON text of the schema; definitions that are none are an empty object's. */
export function definitionsToSchema(definitions: unknown): string {
  const properties: Schema = {};
  const required: string[] = [];
  for (const [name, value] of Object.entries(isObject(definitions) ? definitions : {})) {
    if (!isObject(value)) continue;
    const property = typeSchema(stringOf(value.type) ?? "any");
    const description = stringOf(value.description);
    properties[name] = description === undefined ? property : { ...property, description };
    if (value.required === true) required.push(name);
  }
  const schema: Schema = { type: "object", properties };
  if (required.length > 0) schema.required = required;
  return JSON.stringify(schema);
}

const PYTHON: Readonly<Record<string, string>> = {
  string: "str",
  integer: "int",
  number: "float",
  boolean: "bool",
  object: "dict",
};

function pythonType(schema: JsonObject, depth = 0): string {
  const type = Array.isArray(schema.type) ? schema.type.find((word) => word !== "null") : schema.type;
  if (type === "array")
    return isObject(schema.items) && depth < 8 ? `List[${pythonType(schema.items, depth + 1)}]` : "list";
  return PYTHON[String(type)] ?? (schema.enum === undefined ? "dict" : "str");
}

/** Keywords that the flat form says by itself. */
const SAID = new Set(["type", "description", "title", "default", "$schema"]);

function isPlain(schema: JsonObject): boolean {
  for (const name of Object.keys(schema)) {
    if (SAID.has(name)) continue;
    if (name !== "items" || !isObject(schema.items) || !isPlain(schema.items)) return false;
  }
  return true;
}

/** v1's definitions of a JSON Schema; what they cannot say is put into the description in words. */
export function schemaToDefinitions(schema: unknown): Schema {
  const definitions: Schema = {};
  if (!isObject(schema)) return definitions;
  const required = listOf(schema.required);
  for (const [name, value] of Object.entries(isObject(schema.properties) ? schema.properties : {})) {
    const property = isObject(value) ? value : {};
    const words = [stringOf(property.description) ?? stringOf(property.title) ?? ""];
    if (!isPlain(property)) words.push(`JSON Schema: ${JSON.stringify(property)}`);
    definitions[name] = {
      description: words.filter((word) => word !== "").join(" "),
      type: pythonType(property),
      required: required.includes(name),
    };
  }
  return definitions;
}
