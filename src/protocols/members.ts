/** Reads members of parsed JSON whose shape nobody has vouched for; an error names the member at fault. */
import { badRequest } from "../base/failure.ts";

export type JsonObject = { readonly [name: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** For answers, where a wrong shape is skipped instead of refused. */
export function objectOr(value: unknown): JsonObject {
  return isObject(value) ? value : EMPTY;
}
const EMPTY: JsonObject = Object.freeze({});

export function listOr(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function stringOr(value: unknown, fallback = ""): string {
  return typeof value === "string" ? value : fallback;
}

/** Finite numbers only; int64 written as a string (protobuf JSON) counts as one. */
export function numberOr<T>(value: unknown, fallback: T): number | T {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "string" && /^-?\d{1,15}$/.test(value)) return Number(value);
  return fallback;
}

/** The member as an object. @throws Failure 400 naming `path`. */
export function requireObject(value: unknown, path: string): JsonObject {
  if (isObject(value)) return value;
  throw badRequest(`${path} must be an object`, "invalid_request", path);
}

/** The member as a list; absent and null count as empty. @throws Failure 400 naming `path`. */
export function optionalList(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw badRequest(`${path} must be an array`, "invalid_request", path);
}

/** @throws Failure 400 naming `path`. */
export function requireString(value: unknown, path: string): string {
  if (typeof value === "string") return value;
  throw badRequest(`${path} must be a string`, "invalid_request", path);
}

/** undefined when absent or null. @throws Failure 400 naming `path`. */
export function optionalString(value: unknown, path: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  return requireString(value, path);
}

/** undefined when absent or null. @throws Failure 400 naming `path`. */
export function optionalNumber(value: unknown, path: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = numberOr(value, undefined);
  if (number !== undefined) return number;
  throw badRequest(`${path} must be a number`, "invalid_request", path);
}

/** undefined when absent or null. @throws Failure 400 naming `path`. */
export function optionalBoolean(value: unknown, path: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  throw badRequest(`${path} must be a boolean`, "invalid_request", path);
}

/** Copies `source` without undefined members, so that exact optional properties can be assigned. */
export function defined<T extends object>(source: { [K in keyof T]: T[K] | undefined }): T {
  const result: Partial<T> = {};
  for (const name in source) {
    if (source[name] !== undefined) result[name] = source[name] as T[typeof name];
  }
  return result as T;
}
