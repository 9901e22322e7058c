/** Builds a call's arguments from Vertex's `partialArgs`: values that arrive piece by piece under JSON paths. */
import { isObject, listOf } from "../json-value.ts";

type Container = Record<string, unknown> | unknown[];

/** JSON text that may be collected for one call. */
const MAX_CHARS = 8 * 1024 * 1024;
/** What an item takes beside its name, about; one that is missing before another in a list is written as well. */
const ITEM_CHARS = 8;
const MAX_INDEX = 10_000;

/** The arguments of one call under way. */
export class PartialArguments {
  readonly #root: Record<string, unknown> = {};
  #chars = 0;

  /** Takes in `partialArgs`. What does not fit the tree so far is skipped. */
  add(partialArgs: unknown): void {
    for (const piece of listOf(partialArgs)) {
      if (!isObject(piece) || typeof piece.jsonPath !== "string") continue;
      const path = parsePath(piece.jsonPath);
      if (path === null || path.length === 0) continue;
      const place = this.#reach(path);
      const last = path[path.length - 1];
      if (place === null || last === undefined) continue;
      this.#set(place, last, piece);
    }
  }

  #set(place: Container, key: string | number, piece: Readonly<Record<string, unknown>>): void {
    const store = place as Record<string | number, unknown>;
    if (!Object.hasOwn(place, key)) this.#add(place, key);
    if (this.#chars > MAX_CHARS) return;
    if (typeof piece.stringValue === "string") {
      this.#chars += piece.stringValue.length;
      if (this.#chars > MAX_CHARS) return;
      // Strings alone come in pieces: the next piece of the same path goes behind.
      const before = Object.hasOwn(place, key) ? store[key] : "";
      define(store, key, (typeof before === "string" ? before : "") + piece.stringValue);
    } else if (typeof piece.numberValue === "number") define(store, key, piece.numberValue);
    else if (typeof piece.boolValue === "boolean") define(store, key, piece.boolValue);
    else if (Object.hasOwn(piece, "nullValue")) define(store, key, null);
  }

  /** Counts an item that is new there. */
  #add(place: Container, key: string | number): void {
    const before = typeof key === "string" ? key.length : ITEM_CHARS * (key - (place as unknown[]).length);
    this.#chars += ITEM_CHARS + Math.max(0, before);
  }

  /** The object or array that holds the path's last step, made where it is missing. */
  #reach(path: readonly (string | number)[]): Container | null {
    let place: Container = this.#root;
    for (let i = 0; i < path.length - 1; i++) {
      const key = path[i];
      if (key === undefined || !fits(place, key)) return null;
      const store = place as Record<string | number, unknown>;
      let inner = Object.hasOwn(place, key) ? store[key] : undefined;
      if (inner === undefined) {
        inner = typeof path[i + 1] === "number" ? [] : {};
        this.#add(place, key);
        if (this.#chars > MAX_CHARS) return null;
        define(store, key, inner);
      }
      if (typeof inner !== "object" || inner === null) return null;
      place = inner as Container;
    }
    const last = path[path.length - 1];
    return last !== undefined && fits(place, last) ? place : null;
  }

  /** The JSON text so far. */
  text(): string {
    return JSON.stringify(this.#root);
  }
}

function fits(place: Container, key: string | number): boolean {
  return Array.isArray(place) === (typeof key === "number");
}

/** Plain assignment would take `__proto__` for the prototype. */
function define(store: Record<string | number, unknown>, key: string | number, value: unknown): void {
  Object.defineProperty(store, key, { value, writable: true, enumerable: true, configurable: true });
}

/** The steps of `$.a['b'][0]` (RFC 9535, names and indices only); null for anything else. */
function parsePath(path: string): (string | number)[] | null {
  const steps: (string | number)[] = [];
  const step = /\.([^.[\]]+)|\[(\d{1,5})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y;
  let at = path.startsWith("$") ? 1 : 0;
  while (at < path.length) {
    step.lastIndex = at;
    const match = step.exec(path);
    if (match === null || steps.length > 64) return null;
    at = step.lastIndex;
    if (match[2] !== undefined) {
      const index = Number(match[2]);
      if (index > MAX_INDEX) return null;
      steps.push(index);
    } else steps.push(match[1] ?? (match[3] ?? match[4] ?? "").replace(/\\(.)/g, "$1"));
  }
  return steps;
}
