/** Opens a JSON body for conversion: long strings and verbatim members are taken out, the small rest is parsed. */
import type { Random } from "../base/clock.ts";
import { badRequest, Failure } from "../base/failure.ts";
import { MAX_DEPTH, skipSpace, skipString, skipValue } from "../base/json-skip.ts";
import { isValidJson } from "../base/json-valid.ts";
import { LargeStringStore } from "./large-strings.ts";

export interface BodyLimits {
  /** Strings longer than this (bytes) stay byte ranges. */
  readonly largeString: number;
  /** What is parsed may be this long; more is a 413. */
  readonly maxRest: number;
}

/** 40-protocols 1.0 "Large bodies". */
const REQUEST_LIMITS: BodyLimits = { largeString: 65536, maxRest: 4 * 1024 * 1024 };
/** Answers: strings become text (their size is capped before), only `rawMembers` stay verbatim. */
export const ANSWER_LIMITS: BodyLimits = {
  largeString: Number.POSITIVE_INFINITY,
  maxRest: Number.POSITIVE_INFINITY,
};

export interface OpenedBody {
  readonly doc: unknown;
  readonly large: LargeStringStore;
}

const DATA_URL_HEAD = 256;
const BASE64_MARK = Buffer.from(";base64,");

/** Where the payload of a base64 data URL begins in the string's inside [start, end); `start` when it is none. */
function payloadStart(body: Buffer, start: number, end: number): number {
  if (body.toString("latin1", start, start + 5) !== "data:") return start;
  const mark = body.subarray(start, Math.min(end, start + DATA_URL_HEAD)).indexOf(BASE64_MARK);
  return mark < 0 ? start : start + mark + BASE64_MARK.length;
}

/** The string's inside with lone surrogate escapes replaced; the same bytes when there are none. */
function wellFormedBytes(bytes: Buffer): Buffer {
  if (bytes.indexOf("\\ud") < 0 && bytes.indexOf("\\uD") < 0) return bytes;
  let copy: Buffer | null = null;
  for (let at = bytes.indexOf(0x5c); at >= 0; ) {
    let next = at + 2;
    if (bytes[at + 1] === 0x75) {
      next = at + 6;
      const unit = Number.parseInt(bytes.toString("latin1", at + 2, at + 6), 16);
      if (unit >= 0xd800 && unit < 0xe000) {
        const follower =
          unit < 0xdc00 && bytes[at + 6] === 0x5c && bytes[at + 7] === 0x75
            ? Number.parseInt(bytes.toString("latin1", at + 8, at + 12), 16)
            : 0;
        if (follower >= 0xdc00 && follower < 0xe000) {
          next = at + 12;
        } else {
          copy ??= Buffer.from(bytes);
          copy.write("fffd", at + 2, "latin1");
        }
      }
    }
    at = bytes.indexOf(0x5c, next);
  }
  return copy ?? bytes;
}

function isRawName(body: Buffer, start: number, end: number, names: readonly string[]): boolean {
  for (const name of names) if (name.length === end - start && spells(body, start, name)) return true;
  return false;
}

/** Names are ASCII. */
function spells(body: Buffer, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if (body[start + i] !== name.charCodeAt(i)) return false;
  return true;
}

/**
 * Parses `body`. Object and array values of members named in `rawMembers` become placeholders that
 * `LargeStrings.jsonText` reads; strings over the limit become placeholders inside otherwise ordinary strings (of a
 * data URL only the payload).
 * Throws a Failure: 400 `invalid_json`, 413 `too_large` when what must be parsed is over `maxRest`.
 */
export function openBody(
  body: Buffer,
  rawMembers: readonly string[],
  random: Random,
  limits: BodyLimits = REQUEST_LIMITS,
): OpenedBody {
  const large = new LargeStringStore(random);
  /** What is left out: where what stands before it begins and ends, and the placeholder in its place. */
  const cuts: { readonly from: number; readonly to: number; readonly placeholder: string }[] = [];
  let from = 0;
  let rest = body.length;
  let depth = 0;
  let at = 0;
  while (at < body.length) {
    const byte = body[at];
    if (byte !== 0x22) {
      if (byte === 0x7b || byte === 0x5b) {
        depth++;
        if (depth > MAX_DEPTH)
          throw badRequest(`the body is nested deeper than ${MAX_DEPTH}`, "invalid_json");
      } else if (byte === 0x7d || byte === 0x5d) {
        depth--;
      }
      at++;
      continue;
    }
    const end = skipString(body, at, body.length);
    if (end - at > limits.largeString) {
      const start = payloadStart(body, at + 1, end - 1);
      const placeholder = large.holdString(wellFormedBytes(body.subarray(start, end - 1)));
      cuts.push({ from, to: start, placeholder });
      from = end - 1;
      rest -= from - start;
    } else if (isRawName(body, at + 1, end - 1, rawMembers)) {
      const colon = skipSpace(body, end, body.length);
      const value = body[colon] === 0x3a ? skipSpace(body, colon + 1, body.length) : -1;
      if (value >= 0 && (body[value] === 0x7b || body[value] === 0x5b)) {
        const valueEnd = skipValue(body, value, body.length);
        if (!isValidJson(body, value, valueEnd)) throw invalidJson();
        const placeholder = `"${large.holdJson(body.subarray(value, valueEnd))}"`;
        cuts.push({ from, to: value, placeholder });
        from = valueEnd;
        rest -= valueEnd - value;
        at = valueEnd;
        continue;
      }
    }
    at = end;
  }
  if (rest > limits.maxRest) {
    throw new Failure(
      "too_large",
      `what must be translated of this body is over ${limits.maxRest} bytes; only single long strings may be larger`,
      { code: "request_too_large" },
    );
  }
  let text = "";
  for (const cut of cuts) text += body.toString("utf8", cut.from, cut.to) + cut.placeholder;
  text += body.toString("utf8", from);
  try {
    return { doc: JSON.parse(text), large };
  } catch {
    throw invalidJson();
  }
}

function invalidJson(): Failure {
  return badRequest("the body is not valid JSON", "invalid_json");
}
