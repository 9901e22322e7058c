/** Remembers heads of requests as a whole: an SDK sends the same one with each, but for the length of the body. */
import { type HeaderList, hasHeader } from "../base/headers.ts";
import { Ring } from "../base/ring.ts";
import { isFromBrowser } from "./browser.ts";
import type { HeadNotes } from "./exchange.ts";
import { isForwardedFor } from "./peer.ts";
import { type Refusal, readLength, screenHead } from "./screen.ts";

/** Heads remembered at a time: a household has few clients, each with a head or two. */
const HEADS = 8;
/** Characters of a head, and its names and values; one with more is not remembered. */
const MAX_LENGTH = 4096;
const MAX_TEXTS = 128;

/** Secrets kept at a time, unless heads that are remembered have more. */
const MAX_SECRETS = 64;

const CONTENT_LENGTH = "content-length";
/** Another value in each request: such a head does not come again. */
const CHANGING: ReadonlySet<string> = new Set([
  "x-request-id",
  "x-client-request-id",
  "idempotency-key",
  "traceparent",
]);

/** A head that was taken: what it holds, and what was found in it. */
export interface TakenHead {
  /** Without the length. */
  readonly headers: HeaderList;
  readonly notes: HeadNotes;
}

interface KnownRequest extends TakenHead {
  /** Name and value in turn, as received; "" for the length. */
  readonly lines: readonly string[];
  /** Where the value of the length stands in `lines`; -1 = it has none. */
  readonly lengthAt: number;
  /** Of each of `lines`, whether it is a secret. */
  readonly secret: readonly boolean[];
  /** Of one without: 0 = no body, -1 = chunked. */
  readonly framing: number;
}

/** Takes a head line by line, and compares as they come: what is like the last one needs no list of its own. */
export class KnownRequests {
  readonly #known = new Ring<KnownRequest>(HEADS);
  #last: KnownRequest = NONE;
  /** Lines of the last one that were the same so far. */
  #same = 0;
  #length = "";
  /** All lines so far, once one differs. */
  #lines: string[] | null = null;
  /** A secret came that no remembered head has. */
  #isStrange = false;
  #head: TakenHead = NONE;
  /** Secrets of the heads that are remembered, and perhaps of some that were. */
  #secrets = new Map<string, string>();

  begin(): void {
    this.#same = 0;
    this.#isStrange = false;
    this.#length = "";
    this.#lines = null;
  }

  add(name: string, value: string): void {
    if (this.#lines === null) {
      const { lines, lengthAt, secret } = this.#last;
      const at = this.#same;
      if (name === lines[at]) {
        if (at + 1 === lengthAt) {
          this.#length = value;
          this.#same = at + 2;
          return;
        }
        const given = secret[at + 1] === true ? this.#secrets.get(value) : value;
        if (given === lines[at + 1]) {
          this.#same = at + 2;
          return;
        }
      }
      this.#lines = this.#sameLines();
    }
    const known = isSecret(name) ? this.#secrets.get(value) : value;
    if (known === undefined) this.#isStrange = true;
    this.#lines.push(name, known ?? value);
  }

  /** What `screenHead` says of all that was added; unless it is a refusal, `head` is there. */
  end(): number | Refusal {
    let known = this.#last;
    if (this.#lines !== null || this.#same < known.lines.length) {
      const lines = this.#lines ?? this.#sameLines();
      this.#lines = null;
      const other = this.#isStrange ? undefined : this.#known.all.find((each) => isLike(each, lines));
      if (other === undefined) return this.#takeNew(lines);
      known = other;
      this.#last = other;
      if (other.lengthAt >= 0) this.#length = lines[other.lengthAt] ?? "";
    }
    this.#head = known;
    return known.lengthAt < 0 ? known.framing : readLength(this.#length);
  }

  /** After `end`. */
  get head(): TakenHead {
    return this.#head;
  }

  #sameLines(): string[] {
    const { lines, lengthAt } = this.#last;
    const same = lines.slice(0, this.#same);
    if (lengthAt >= 0 && lengthAt < same.length) same[lengthAt] = this.#length;
    return same;
  }

  #takeNew(lines: string[]): number | Refusal {
    const framing = screenHead(lines);
    if (typeof framing !== "number") return framing;
    const lengthAt = placeOfLength(lines);
    const headers = lengthAt < 0 ? lines : lines.filter((_, i) => i !== lengthAt && i !== lengthAt - 1);
    const secret = lines.map((_, i) => i % 2 === 1 && isSecret(lines[i - 1] ?? ""));
    const known: KnownRequest = { headers, notes: notesOf(headers), lines, lengthAt, secret, framing };
    this.#head = known;
    if (comesAgain(headers)) {
      if (lengthAt >= 0) lines[lengthAt] = "";
      this.#known.add(known);
      this.#last = known;
      this.#addSecrets(known);
      if (this.#secrets.size > MAX_SECRETS) {
        this.#secrets = new Map();
        for (const each of this.#known.all) this.#addSecrets(each);
      }
    }
    return framing;
  }

  #addSecrets({ lines, secret }: KnownRequest): void {
    for (let i = 1; i < lines.length; i += 2) {
      const value = lines[i] ?? "";
      if (secret[i] === true && !this.#secrets.has(value)) this.#secrets.set(value, value);
    }
  }
}

/**
 * A secret is found by its hash before it is compared with one that is remembered: to compare it character by character
 * would take the longer the more of it was guessed.
 */
function isSecret(name: string): boolean {
  switch (name) {
    case "authorization":
    case "x-api-key":
    case "api-key":
    case "x-goog-api-key":
    case "proxy-authorization":
    case "cookie":
      return true;
    default:
      return false;
  }
}

function notesOf(headers: HeaderList): HeadNotes {
  const isPlain = !hasHeader(headers, "x-request-id") && !isFromBrowser(headers) && !isForwardedFor(headers);
  return { isPlain, credentials: null, session: null };
}

function placeOfLength(lines: readonly string[]): number {
  for (let i = 0; i < lines.length; i += 2) if (lines[i] === CONTENT_LENGTH) return i + 1;
  return -1;
}

function comesAgain(headers: HeaderList): boolean {
  if (headers.length > MAX_TEXTS) return false;
  let length = 0;
  for (let i = 0; i < headers.length; i++) {
    if (i % 2 === 0 && CHANGING.has(headers[i] ?? "")) return false;
    length += (headers[i] ?? "").length;
  }
  return length <= MAX_LENGTH;
}

function isLike({ lines, lengthAt }: KnownRequest, others: readonly string[]): boolean {
  if (lines.length !== others.length) return false;
  for (let i = 0; i < lines.length; i++) if (i !== lengthAt && lines[i] !== others[i]) return false;
  return true;
}

const NONE: KnownRequest = {
  headers: [],
  notes: { isPlain: true, credentials: null, session: null },
  lines: [],
  lengthAt: -1,
  secret: [],
  framing: 0,
};
