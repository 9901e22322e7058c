/** Which conversation a request belongs to: what implicit stickiness remembers a target for. */

import { memoryView } from "../base/memory-view.ts";

/** Already read out of the request; "" = absent. */
export interface SessionFacts {
  readonly alias: string;
  /** Identity of the caller: two callers never share a session. */
  readonly caller: string;
  readonly sessionHeader: string;
  readonly promptCacheKey: string;
  /** `metadata.user_id` as it came. */
  readonly userId: string;
  /** Where the texts stand in the body that tell it: begin and end in turn, the first user turn behind all instructions. */
  readonly body: Buffer;
  readonly texts: readonly number[];
}

/** A conversation of one caller. Numbers: a map finds them without the hash and the comparison that a text takes. */
export interface SessionKey {
  /** In clear: nobody can aim at another's. */
  readonly caller: string;
  /** What the notes are kept by. */
  readonly hash: number;
  /** Tells apart those that share a hash. */
  readonly check: number;
}

/** So much of a text is looked at: enough to tell conversations apart, cheap on a router, and instructions may end with what changes. */
const HASHED = 4096;
/** A copy of more bytes is cheaper than to read them where they stand. */
const SHORT = 512;

/** What is hashed of several texts or a long one: instructions and first user turn. */
const bytes = Buffer.alloc(2 * HASHED);
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** null when the request holds nothing to tell a conversation by. */
export function sessionKey(facts: SessionFacts): SessionKey | null {
  const { alias, caller, body, texts } = facts;
  const given = facts.sessionHeader || facts.promptCacheKey || sessionOfUserId(facts.userId);
  const mix = new Mix(caller);
  mix.addAlias(alias);
  if (given !== "") {
    mix.addText(given);
    return mix;
  }
  // One short text, which most requests have, is read where it stands.
  if (texts.length === 2) {
    const start = texts[0] as number;
    const length = (texts[1] as number) - start;
    if (length > 0 && length <= SHORT) {
      const at = body.byteOffset + start;
      mix.addWord(length);
      mix.addBytes(memoryView(body), at, at + length);
      return mix;
    }
  }
  let at = 0;
  for (let i = 0; i < texts.length; i += 2) {
    const start = texts[i] ?? 0;
    const end = texts[i + 1] ?? 0;
    const most = (i === texts.length - 2 ? 2 * HASHED : HASHED) - at;
    if (end > start) at += body.copy(bytes, at, start, Math.min(end, start + most, start + HASHED));
    mix.addWord(Math.min(end - start, HASHED));
  }
  if (at === 0) return null;
  mix.addBytes(view, 0, at);
  return mix;
}

let lastAlias: string | null = null;
let lastHash = 0;
let lastCheck = 0;

/**
 * Two independent 32-bit multiplicative hashes: all that is wanted is that conversations of one caller differ, and
 * SHA-256 cost as much as the whole of routing.
 */
class Mix implements SessionKey {
  hash = 0x1e3779b9;
  check = 0x05ebca6b;

  constructor(readonly caller: string) {}

  /** First of all: what it makes of the beginning is the same for all requests of an alias. */
  addAlias(alias: string): void {
    if (alias !== lastAlias) {
      const mix = new Mix("");
      mix.addText(alias);
      lastAlias = alias;
      lastHash = mix.hash;
      lastCheck = mix.check;
    }
    this.hash = lastHash;
    this.check = lastCheck;
  }

  addWord(word: number): void {
    const a = Math.imul(this.hash ^ word, 0x01000193);
    const b = Math.imul(this.check ^ word, 0x5bd1e995);
    this.hash = a ^ (a >>> 15);
    this.check = b ^ (b >>> 15);
  }

  /** By fours, in a quarter of the time: as `addWord` adds each, its results kept at hand. */
  addBytes(view: DataView, start: number, end: number): void {
    let { hash, check } = this;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const word = view.getInt32(at, true);
      hash = Math.imul(hash ^ word, 0x01000193);
      hash ^= hash >>> 15;
      check = Math.imul(check ^ word, 0x5bd1e995);
      check ^= check >>> 15;
    }
    this.hash = hash;
    this.check = check;
    if (at < end) this.addWord(lastWord(view, at, end));
  }

  addText(text: string): void {
    this.addWord(text.length);
    const end = Math.min(text.length, HASHED);
    for (let i = 0; i < end; i++) this.addWord(text.charCodeAt(i));
  }
}

/** Less than four bytes, and zeros behind them. */
function lastWord(view: DataView, start: number, end: number): number {
  let word = 0;
  for (let at = end - 1; at >= start; at--) word = (word << 8) | view.getUint8(at);
  return word;
}

/**
 * The session inside `metadata.user_id`: Claude Code writes a JSON object with `session_id`, earlier versions
 * `user_…_account_…_session_<uuid>`. "" when there is none.
 */
export function sessionOfUserId(userId: string): string {
  if (userId === "" || userId.length > 2048) return "";
  const found =
    /"session_id"\s*:\s*"([^"\\]{1,256})"/.exec(userId) ?? /_session_([\w-]{8,256})$/.exec(userId);
  return found?.[1] ?? "";
}
