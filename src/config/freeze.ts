/** Freezes a configuration all the way down, its maps included. */
import type { Frozen } from "./schema.ts";

export function freeze<T>(value: T): Frozen<T> {
  freezeInside(value);
  return value as Frozen<T>;
}

function freezeInside(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  if (value instanceof Map) {
    for (const entry of value.values()) freezeInside(entry);
    for (const method of ["set", "delete", "clear"]) Object.defineProperty(value, method, { value: refuse });
  } else for (const entry of Object.values(value)) freezeInside(entry);
  Object.freeze(value);
}

function refuse(): never {
  throw new TypeError("the configuration is read-only");
}
