/** Typed access to parsed JSON of unknown shape: strict readers for callers' bodies (400 with the path), lenient ones for upstreams. */
import { badRequest } from "../base/failure.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Lenient: undefined when `value` is not an object. */
export function objectOf(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

/** Lenient: an empty list when `value` is not a list. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Lenient: undefined when `value` is not a string. */
export function stringOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Lenient: undefined when `value` is not a finite number. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

function wrongType(path: string, wanted: string): never {
  throw badRequest(`${path} must be ${wanted}`, "invalid_type", path);
}

/** The body itself. Throws 400 when it is not an object. */
export function readBody(doc: unknown): JsonObject {
  if (!isObject(doc)) throw badRequest("the body must be a JSON object", "invalid_json");
  return doc;
}

/** null and absence read as undefined; another type is a 400 that names `path.key`. */
export function readString(doc: JsonObject, key: string, path = ""): string | undefined {
  const value = doc[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") wrongType(join(path, key), "a string");
  return value;
}

/** Like `readString`; absence is a 400 too. */
export function requireString(doc: JsonObject, key: string, path = ""): string {
  const value = readString(doc, key, path);
  if (value === undefined)
    throw badRequest(`${join(path, key)} is required`, "missing_member", join(path, key));
  return value;
}

export function readNumber(doc: JsonObject, key: string, path = ""): number | undefined {
  const value = doc[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isFinite(value)) wrongType(join(path, key), "a number");
  return value;
}

export function readBoolean(doc: JsonObject, key: string, path = ""): boolean | undefined {
  const value = doc[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "boolean") wrongType(join(path, key), "true or false");
  return value;
}

export function readObject(doc: JsonObject, key: string, path = ""): JsonObject | undefined {
  const value = doc[key];
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) wrongType(join(path, key), "an object");
  return value;
}

export function readList(doc: JsonObject, key: string, path = ""): readonly unknown[] | undefined {
  const value = doc[key];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) wrongType(join(path, key), "a list");
  return value;
}

/** An element of a list that must be an object; `path` names it, e.g. `messages[3]`. */
export function requireObject(value: unknown, path: string): JsonObject {
  if (!isObject(value)) wrongType(path, "an object");
  return value;
}
