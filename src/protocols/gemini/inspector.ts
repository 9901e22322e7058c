/** Watches a relayed Gemini stream: one pass over the keys of each chunk, JSON.parse only for usage, errors and blocks. */
import { skipSpace, skipString, skipValue } from "../../base/json-skip.ts";
import { elementStart, findSseData } from "../../base/sse.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { spells } from "../byte-text.ts";
import { EscapedText, type KeepOptions } from "../escaped-text.ts";
import { isObject } from "../json-value.ts";
import type { Stop, Usage } from "../neutral.ts";
import {
  CONTENT,
  ERROR,
  FINISH,
  MALFORMED,
  PING,
  REASONING,
  type StreamInspector,
  type StreamPosition,
  TOOL_CALL,
} from "../protocol.ts";
import { type MemberSink, walkMembers } from "../walk-members.ts";
import { parseUsage } from "./answer-usage.ts";
import { readErrorObject } from "./errors.ts";
import { decodeBlock, decodeFinish } from "./types.ts";

const QUOTE = 0x22;

/** Depths of the members that matter: {1 candidates:[2 {3 content:{4 parts:[5 {6 …}]}}]}. */
const ROOT = 1;
const CANDIDATE = 3;
const CONTENT_DEPTH = 4;
const PART = 6;

export class GeminiInspector implements StreamInspector, MemberSink {
  readonly #data = { start: 0, end: 0 };
  readonly #text: EscapedText;
  #usageBytes: Buffer = Buffer.alloc(0);
  #usage: Usage | null = null;
  #error: UpstreamErrorInfo | null = null;
  #stop: Stop | null = null;
  #model = "";
  #id = "";
  #started = false;
  #hasCalls = false;
  #openKind: "text" | "thinking" | null = null;
  #parts = 0;
  /** The stream is one JSON array (asked without `alt=sse`). */
  #array = false;

  // Of the chunk being read.
  #flags = 0;
  #inCandidates = false;
  #inContent = false;
  #inParts = false;
  #finish = "";
  #message = "";
  // Of the part being read; `#partText` is the opening quote of its text, 0 = none.
  #partText = 0;
  #partThought = false;
  #partSigned = false;
  #partCall = false;
  #partMembers = 0;

  constructor(keep: KeepOptions) {
    this.#text = new EscapedText(keep);
  }

  inspect(event: Buffer, start: number, end: number): number {
    if (!this.#locate(event, start, end)) return PING;
    const { start: from, end: to } = this.#data;
    this.#flags = 0;
    this.#inCandidates = false;
    this.#inContent = false;
    this.#inParts = false;
    this.#finish = "";
    this.#message = "";
    this.#startPart();
    try {
      if (event[from] !== 0x7b || !walkMembers(event, from, to, this)) return MALFORMED;
      this.#endPart(event, to);
      this.#settle(event, from, to);
    } catch {
      // A value that does not end, or is no JSON: what a client could not read either.
      return MALFORMED;
    }
    this.#started = true;
    return this.#flags;
  }

  #locate(event: Buffer, start: number, end: number): boolean {
    const first = event[skipSpace(event, start, end)];
    if (first === 0x5b || first === 0x2c || first === 0x7b || this.#array) {
      this.#array = true;
      this.#data.start = elementStart(event, start, end);
      this.#data.end = end;
      return this.#data.start < end;
    }
    if (!findSseData(event, start, end, this.#data)) return false;
    this.#data.start = skipSpace(event, this.#data.start, this.#data.end);
    return true;
  }

  onMember(event: Buffer, key: number, length: number, value: number, to: number, depth: number): void {
    if (depth === PART) {
      if (this.#inParts) this.#onPartMember(event, key, length, value, to);
    } else if (depth === CONTENT_DEPTH) {
      this.#inParts = this.#inContent && spells(event, key, length, "parts");
    } else if (depth === CANDIDATE) {
      if (this.#inCandidates) this.#onCandidateMember(event, key, length, value, to);
    } else if (depth === ROOT) this.#onRootMember(event, key, length, value, to);
  }

  #onRootMember(event: Buffer, key: number, length: number, value: number, to: number): void {
    this.#inCandidates = spells(event, key, length, "candidates");
    this.#inContent = false;
    this.#inParts = false;
    if (this.#inCandidates) return;
    if (spells(event, key, length, "usageMetadata"))
      this.#keepUsage(event, value, skipValue(event, value, to));
    else if (spells(event, key, length, "error")) this.#flags |= ERROR;
    else if (spells(event, key, length, "promptFeedback"))
      this.#block(event, value, skipValue(event, value, to));
    else if (this.#model === "" && spells(event, key, length, "modelVersion"))
      this.#model = readText(event, value, to);
    else if (this.#id === "" && spells(event, key, length, "responseId"))
      this.#id = readText(event, value, to);
  }

  #onCandidateMember(event: Buffer, key: number, length: number, value: number, to: number): void {
    this.#inContent = spells(event, key, length, "content");
    this.#inParts = false;
    if (this.#inContent) return;
    if (spells(event, key, length, "finishReason")) this.#finish = readText(event, value, to);
    else if (spells(event, key, length, "finishMessage")) this.#message = readText(event, value, to);
    // Protobuf's JSON leaves a zero out; any other index is a second candidate.
    else if (spells(event, key, length, "index") && event[value] !== 0x30) this.#text.giveUp();
  }

  #onPartMember(event: Buffer, key: number, length: number, value: number, to: number): void {
    if (beginsObject(event, key - 1)) this.#endPart(event, to);
    this.#partMembers++;
    if (spells(event, key, length, "text")) {
      if (event[value] === QUOTE) this.#partText = value;
    } else if (spells(event, key, length, "thought")) this.#partThought = event[value] === 0x74;
    else if (spells(event, key, length, "thoughtSignature")) this.#partSigned = true;
    else if (spells(event, key, length, "functionCall")) this.#partCall = true;
  }

  #startPart(): void {
    this.#partText = 0;
    this.#partThought = false;
    this.#partSigned = false;
    this.#partCall = false;
    this.#partMembers = 0;
  }

  /** The part's members are all known: what it was. */
  #endPart(event: Buffer, to: number): void {
    if (this.#partMembers === 0) return;
    const quote = this.#partText;
    if (this.#partCall) {
      this.#hasCalls = true;
      this.#other(TOOL_CALL);
    } else if (quote > 0) {
      const end = skipString(event, quote, to) - 1;
      if (end > quote + 1) this.#delta(event, quote + 1, end);
    } else if (this.#partMembers > (this.#partSigned ? 1 : 0)) this.#other(0);
    this.#startPart();
  }

  #delta(event: Buffer, start: number, end: number): void {
    const kind = this.#partThought ? "thinking" : "text";
    if (this.#openKind !== kind) this.#parts++;
    this.#openKind = kind;
    this.#flags |= this.#partThought ? CONTENT | REASONING : CONTENT;
    if (!this.#partThought) this.#text.append(event, start, end);
  }

  /** A part that no text can go on from. */
  #other(flag: number): void {
    this.#openKind = null;
    this.#parts++;
    this.#text.giveUp();
    this.#flags |= CONTENT | flag;
  }

  #block(event: Buffer, start: number, end: number): void {
    const stop = decodeBlock(JSON.parse(event.toString("utf8", start, end)));
    if (stop === null) return;
    this.#stop = stop;
    this.#flags |= FINISH | CONTENT;
  }

  #settle(event: Buffer, from: number, to: number): void {
    if (this.#finish !== "") {
      this.#flags |= FINISH;
      const facts = { hasCalls: this.#hasCalls, hasContent: this.#parts > 0 };
      this.#stop = decodeFinish(this.#finish, this.#message, facts);
    }
    if ((this.#flags & ERROR) === 0) return;
    const doc: unknown = JSON.parse(event.toString("utf8", from, to));
    this.#error = readErrorObject(doc);
    // `error: null` beside an answer is no error.
    if (this.#error === null && isObject(doc)) this.#flags &= ~ERROR;
  }

  /** Every chunk brings the figures so far; they are read only when someone asks. */
  #keepUsage(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.#usageBytes.length !== length) this.#usageBytes = Buffer.allocUnsafeSlow(length);
    bytes.copy(this.#usageBytes, 0, start, end);
    this.#usage = null;
  }

  get usage(): Usage | null {
    if (this.#usage === null && this.#usageBytes.length > 0) this.#usage = parseUsage(this.#usageBytes);
    return this.#usage;
  }

  get error(): UpstreamErrorInfo | null {
    return this.#error;
  }

  get stop(): Stop | null {
    return this.#stop;
  }

  get model(): string {
    return this.#model;
  }

  get text(): Buffer | null {
    return this.#text.bytes;
  }

  /** True when the relayed stream is a JSON array. */
  get array(): boolean {
    return this.#array;
  }

  position(): StreamPosition {
    return {
      id: this.#id,
      model: this.#model,
      created: 0,
      nextIndex: this.#parts,
      open:
        this.#openKind === null
          ? null
          : { kind: this.#openKind, index: Math.max(0, this.#parts - 1), itemId: "" },
      sequence: 0,
      started: this.#started,
      items: [],
    };
  }
}

/** True when the key whose opening quote stands at `quote` is the first of its object. */
function beginsObject(event: Buffer, quote: number): boolean {
  let at = quote - 1;
  while (at >= 0 && (event[at] ?? 0) <= 0x20) at--;
  return event[at] === 0x7b;
}

function readText(event: Buffer, value: number, to: number): string {
  if (event[value] !== QUOTE) return "";
  return String(JSON.parse(event.toString("utf8", value, skipString(event, value, to))));
}
