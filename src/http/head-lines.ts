/** Puts the head of an answer together. Most heads are like an earlier one but for a few values: the rest is remembered. */
import { STATUS_CODES } from "node:http";
import type { HeaderList } from "../base/headers.ts";
import { Ring } from "../base/ring.ts";
import { formatTimes, type ServerTimes } from "../base/server-timing.ts";
import { HeadBytes } from "./head-bytes.ts";
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

/** Heads of one status with the same names. It stays right for every list of headers it was found for. */
export class KnownHead {
  readonly #status: number;
  /** Name and value in turn; null = a value that changes, or that is left out. */
  readonly #lines: (string | null)[];
  /** Where the values that change stand in a list of headers. */
  #places: readonly number[] = [];
  /** What stands before each of them, and after the last one. */
  #texts: readonly string[] = [];
  /** Of those texts. */
  #textLength = 0;
  /** Made once it comes again. */
  #bytes: HeadBytes | null = null;
  #isSeen = false;

  constructor(status: number, headers: HeaderList) {
    this.#status = status;
    this.#lines = headers.map((text, i) => (i % 2 === 1 && isOwn(headers[i - 1]) ? null : text));
    this.#split();
  }

  /** True when it is the head of these as well; what is another value than before may be another one next time. */
  takes(status: number, headers: HeaderList): boolean {
    const lines = this.#lines;
    if (this.#status !== status || lines.length !== headers.length) return false;
    let isSame = true;
    for (let i = 0; i < lines.length; i += 2) {
      if (lines[i] !== headers[i]) return false;
      const value = lines[i + 1];
      if (value !== null && value !== headers[i + 1]) isSame = false;
    }
    this.#isSeen = true;
    if (!isSame) this.#dropChanged(headers);
    return true;
  }

  /** Characters of its text without times. */
  lengthOf(headers: HeaderList): number {
    const places = this.#places;
    let length = this.#textLength;
    for (let i = 0; i < places.length; i++) length += (headers[places[i] as number] ?? "").length;
    return length;
  }

  /** Status without the version, and all header lines; without the line end after the last one. */
  write(headers: HeaderList, times: ServerTimes | null): string {
    const places = this.#places;
    const texts = this.#texts;
    let head = texts[0] ?? "";
    for (let i = 0; i < places.length; i++) {
      head += cleanValue(headers[places[i] as number] ?? "");
      head += texts[i + 1] ?? "";
    }
    return times === null ? head : `${head}\r\nserver-timing: ${formatTimes(times)}`;
  }

  /** The same in UTF-8, valid until the next call. */
  writeBytes(headers: HeaderList, times: ServerTimes | null): Uint8Array | string {
    if (!this.#isSeen) return this.write(headers, times);
    this.#bytes ??= new HeadBytes(this.#texts, this.#places);
    return this.#bytes.write(headers, times) ?? this.write(headers, times);
  }

  #dropChanged(headers: HeaderList): void {
    const lines = this.#lines;
    for (let i = 1; i < lines.length; i += 2) if (lines[i] !== headers[i]) lines[i] = null;
    this.#split();
  }

  #split(): void {
    const lines = this.#lines;
    const places: number[] = [];
    const texts: string[] = [];
    let parts = [`${this.#status} ${STATUS_CODES[this.#status] ?? "Unknown"}`];
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
    this.#places = places;
    this.#texts = texts;
    this.#textLength = texts.reduce((sum, text) => sum + text.length, 0);
    this.#bytes = null;
  }
}

export class HeadLines {
  readonly #known = new Ring<KnownHead>(HEADS);

  find(status: number, headers: HeaderList): KnownHead {
    const known = this.#known.all;
    for (let i = 0; i < known.length; i++) {
      const head = known[i] as KnownHead;
      if (head.takes(status, headers)) return head;
    }
    const head = new KnownHead(status, headers);
    if (head.lengthOf(headers) <= MAX_LENGTH) this.#known.add(head);
    return head;
  }
}

function isOwn(name = ""): boolean {
  return OWN_HEADERS.has(name);
}
