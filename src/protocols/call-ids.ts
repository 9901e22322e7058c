/** Ids of tool calls: minted where a vendor has none, re-made where they do not fit or are not unique (40-protocols 1.3). */
import { createHash } from "node:crypto";
import type { Random } from "../base/clock.ts";
import type { Part, Turn } from "./neutral.ts";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** What ids a protocol takes. */
export interface IdRule {
  readonly maxLength: number;
  /** Characters allowed; null = any. */
  readonly pattern: RegExp | null;
  /** Mistral: exactly nine alphanumerics. */
  readonly exactly9?: boolean;
}

export const CHAT_IDS: IdRule = { maxLength: 40, pattern: null };
export const RESPONSES_IDS: IdRule = { maxLength: 64, pattern: null };
export const ANTHROPIC_IDS: IdRule = { maxLength: 64, pattern: /^[a-zA-Z0-9_-]+$/ };
export const MISTRAL_IDS: IdRule = { maxLength: 9, pattern: /^[a-zA-Z0-9]{9}$/, exactly9: true };
export const ANY_IDS: IdRule = { maxLength: 256, pattern: null };

/** `length` random base-62 characters. */
export function mintToken(random: Random, length: number): string {
  let token = "";
  for (let i = 0; i < length; i++) token += BASE62[Math.floor(random.next() * 62)] ?? "0";
  return token;
}

/** `length` random hex digits, for `chatcmpl-`, `msg_`, `resp_` … ids. */
export function mintHex(random: Random, length: number): string {
  let token = "";
  for (let i = 0; i < length; i++) token += Math.floor(random.next() * 16).toString(16);
  return token;
}

/** A new call id: 29 characters that every vendor takes. */
function mintCallId(random: Random): string {
  return `call_${mintToken(random, 24)}`;
}

/** The same 24 base-62 characters for the same text, on every request and machine. */
function digestToken(text: string): string {
  const digest = createHash("sha256").update(text).digest();
  let token = "";
  for (let i = 0; i < 24; i++) token += BASE62[(digest[i] ?? 0) % 62] ?? "0";
  return token;
}

/** The id itself when it fits, else one made of it that does. */
export function fitCallId(id: string, rule: IdRule): string {
  const fits = id !== "" && id.length <= rule.maxLength && (rule.pattern === null || rule.pattern.test(id));
  if (fits) return id;
  const token = digestToken(id);
  return rule.exactly9 === true ? token.slice(0, 9) : `call_${token}`;
}

/**
 * Turns whose call ids fit the rule and are unique in the conversation; a result goes with the latest call of its id
 * before it. A pure function of the history's prefix, so that prompt caches hold. Parts that need no change are shared.
 */
export function fitTurnIds(turns: readonly Turn[], rule: IdRule): readonly Turn[] {
  if (!turns.some((turn) => turn.parts.some((part) => part.type === "call" || part.type === "result")))
    return turns;
  const used = new Map<string, number>();
  const current = new Map<string, string>();
  const fitPart = (part: Part): Part => {
    if (part.type === "call") {
      const base = fitCallId(part.id, rule);
      const count = used.get(base) ?? 0;
      used.set(base, count + 1);
      const id = count === 0 ? base : fitCallId(`${base}#${count}${" ".repeat(rule.maxLength)}`, rule);
      current.set(part.id, id);
      return id === part.id ? part : { ...part, id };
    }
    if (part.type === "result") {
      const callId = current.get(part.callId) ?? fitCallId(part.callId, rule);
      return callId === part.callId ? part : { ...part, callId };
    }
    return part;
  };
  return turns.map((turn) => {
    const parts = turn.parts.map(fitPart);
    return parts.every((part, index) => part === turn.parts[index]) ? turn : { ...turn, parts };
  });
}

/** Gives an answer's calls ids that the history and the answer itself do not hold yet ("tool_use ids must be unique"). */
export class AnswerIds {
  readonly #rule: IdRule;
  readonly #random: Random;
  readonly #taken: Set<string>;

  constructor(turns: readonly Turn[], rule: IdRule, random: Random) {
    this.#rule = rule;
    this.#random = random;
    this.#taken = new Set();
    for (const turn of turns) {
      for (const part of turn.parts) {
        if (part.type === "call") this.#taken.add(part.id);
      }
    }
  }

  /** The id to show for an upstream's id; "" mints one. */
  take(id: string): string {
    let fitted = id === "" ? mintCallId(this.#random) : fitCallId(id, this.#rule);
    while (this.#taken.has(fitted)) fitted = mintCallId(this.#random);
    this.#taken.add(fitted);
    return fitted;
  }
}
