/** Puts the head of an answer together as one text. Most heads are like an earlier one but for a few values: the rest is remembered. */
import { STATUS_CODES } from "node:http";
import type { HeaderList } from "../base/headers.ts";
import { cleanValue } from "./screen.ts";

/** Heads remembered at a time: a gateway has few providers, each answers with a head or two. */
const HEADS = 8;
/** Characters of a head; a longer one is not remembered. */
const MAX_LENGTH = 4096;

/** The engine writes these itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "connection",
  "date",
]);

interface KnownHead {
  readonly status: number;
  /** Name and value in turn; null = a value that changes, or that is left out. */
  readonly lines: (string | null)[];
  /** Where the values that change stand in a list of headers. */
  places: readonly number[];
  /** What stands before each of them, and after the last one. */
  texts: readonly string[];
}

export class HeadLines {
  readonly #known: KnownHead[] = [];
  #oldest = 0;

  /** Status without the version, and all header lines; without the line end after the last one. */
  write(status: number, headers: HeaderList): string {
    for (let i = 0; i < this.#known.length; i++) {
      const known = this.#known[i] as KnownHead;
      if (known.status !== status || !hasNames(known.lines, headers)) continue;
      if (!hasValues(known.lines, headers)) dropChanged(known, headers);
      return fill(known, headers);
    }
    return this.#learn(status, headers);
  }

  #learn(status: number, headers: HeaderList): string {
    const lines = headers.map((text, i) => (i % 2 === 1 && isOwn(headers[i - 1]) ? null : text));
    const known: KnownHead = { status, lines, places: [], texts: [] };
    split(known);
    const head = fill(known, headers);
    if (head.length <= MAX_LENGTH) {
      this.#known[this.#oldest] = known;
      this.#oldest = (this.#oldest + 1) % HEADS;
    }
    return head;
  }
}

function isOwn(name = ""): boolean {
  return OWN_HEADERS.has(name);
}

function hasNames(lines: KnownHead["lines"], headers: HeaderList): boolean {
  if (lines.length !== headers.length) return false;
  for (let i = 0; i < lines.length; i += 2) if (lines[i] !== headers[i]) return false;
  return true;
}

function hasValues(lines: KnownHead["lines"], headers: HeaderList): boolean {
  for (let i = 1; i < lines.length; i += 2) if (lines[i] !== null && lines[i] !== headers[i]) return false;
  return true;
}

/** What is another value than before may be another one next time. */
function dropChanged(known: KnownHead, headers: HeaderList): void {
  const { lines } = known;
  for (let i = 1; i < lines.length; i += 2) if (lines[i] !== headers[i]) lines[i] = null;
  split(known);
}

function split(known: KnownHead): void {
  const { status, lines } = known;
  const places: number[] = [];
  const texts: string[] = [];
  let parts = [`${status} ${STATUS_CODES[status] ?? "Unknown"}`];
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i] ?? "";
    if (isOwn(name)) continue;
    parts.push("\r\n", name, ": ");
    const value = lines[i + 1] ?? null;
    if (value !== null) {
      parts.push(cleanValue(value));
      continue;
    }
    places.push(i + 1);
    texts.push(parts.join(""));
    parts = [];
  }
  texts.push(parts.join(""));
  known.places = places;
  known.texts = texts;
}

function fill({ places, texts }: KnownHead, headers: HeaderList): string {
  let head = texts[0] ?? "";
  for (let i = 0; i < places.length; i++) {
    head += cleanValue(headers[places[i] as number] ?? "");
    head += texts[i + 1] ?? "";
  }
  return head;
}
