/** Which conversation a request belongs to: what implicit stickiness remembers a target for. */

import { writeLatin1 } from "../base/byte-slices.ts";

/** Already read out of the request; "" = absent. */
export interface SessionFacts {
  readonly alias: string;
  /** Identity of the caller: two callers never share a session. */
  readonly caller: string;
  readonly sessionHeader: string;
  readonly promptCacheKey: string;
  /** `metadata.user_id` as it came. */
  readonly userId: string;
  readonly system: string;
  readonly firstUserTurn: string;
}

/** Of long texts only so much is hashed, with the length: enough to tell conversations apart, cheap on a router. */
const HASHED_CHARS = 4096;
/** Alias or header and two texts. */
const HASHED_BYTES = 4 * HASHED_CHARS;

/** What is hashed, as bytes and as words: by fours it takes a quarter of the time. */
const bytes = Buffer.alloc(HASHED_BYTES);
const words = new Int32Array(bytes.buffer, bytes.byteOffset, HASHED_BYTES / 4);

/** A conversation of one caller. Numbers: a map finds them without the hash and the comparison that a text takes. */
export interface SessionKey {
  /** In clear: nobody can aim at another's. */
  readonly caller: string;
  /** What the notes are kept by. */
  readonly hash: number;
  /** Tells apart those that share a hash. */
  readonly check: number;
}

/** null when the request holds nothing to tell a conversation by. */
export function sessionKey(facts: SessionFacts): SessionKey | null {
  const given = facts.sessionHeader || facts.promptCacheKey || sessionOfUserId(facts.userId);
  if (given === "" && facts.system === "" && facts.firstUserTurn === "") return null;
  const { caller, alias } = facts;
  return given === ""
    ? hashed(caller, alias, facts.system, facts.firstUserTurn)
    : hashed(caller, alias, given, GIVEN);
}

/** In the place of a second text: a header's value is no conversation's text. */
const GIVEN = "\0";

/**
 * Two independent 32-bit multiplicative hashes: all that is wanted is that conversations of one caller differ, and
 * SHA-256 cost as much as the whole of routing.
 */
function hashed(caller: string, alias: string, one: string, two: string): SessionKey {
  const text = cut(alias) + cut(one) + cut(two);
  const length = writeLatin1(bytes, text, 0, text.length);
  // The last word is whole.
  bytes[length] = 0;
  bytes[length + 1] = 0;
  bytes[length + 2] = 0;
  let a = Math.imul(0x9e3779b9 ^ one.length, 0x01000193) ^ two.length;
  let b = Math.imul(0x85ebca6b ^ two.length, 0x5bd1e995) ^ one.length;
  for (let i = 0; i << 2 < length; i++) {
    const word = words[i] ?? 0;
    a = Math.imul(a ^ word, 0x01000193);
    a ^= a >>> 15;
    b = Math.imul(b ^ word, 0x5bd1e995);
    b ^= b >>> 15;
  }
  return { caller, hash: a, check: b };
}

function cut(text: string): string {
  return text.length > HASHED_CHARS ? text.slice(0, HASHED_CHARS) : text;
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
