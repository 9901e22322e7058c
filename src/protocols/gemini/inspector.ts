/** Watches a relayed Gemini stream by bytes: content, finish, usage and errors, and the text for a continuation. */
import {
  findMember,
  isString,
  parseValue,
  scanArray,
  scanObject,
  skipSpace,
  watchNames,
} from "../../base/json-scan.ts";
import { elementStart, findSseData } from "../../base/sse.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { EscapedText } from "../escaped-text.ts";
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
import { readErrorObject } from "./errors.ts";
import { decodeBlock, decodeFinish, decodeUsage } from "./types.ts";

const CHUNK = watchNames([
  "candidates",
  "usageMetadata",
  "error",
  "promptFeedback",
  "modelVersion",
  "responseId",
]);
const CANDIDATE = watchNames(["content", "finishReason", "finishMessage", "index"]);
const CONTENT_NAMES = watchNames(["parts"]);
const PART = watchNames(["text", "thought", "functionCall", "thoughtSignature"]);

export class GeminiInspector implements StreamInspector {
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

  constructor(keepText: number) {
    this.#text = new EscapedText(keepText);
  }

  inspect(event: Buffer, start: number, end: number): number {
    if (!this.#locate(event, start, end)) return PING;
    try {
      return this.#chunk(event, this.#data.start, this.#data.end);
    } catch {
      // Not one whole JSON object: what a client could not read either.
      return MALFORMED;
    }
  }

  #locate(event: Buffer, start: number, end: number): boolean {
    const first = event[skipSpace(event, start, end)];
    if (first === 0x5b || first === 0x2c || first === 0x7b || this.#array) {
      this.#array = true;
      this.#data.start = elementStart(event, start, end);
      this.#data.end = end;
      return this.#data.start < end;
    }
    return findSseData(event, start, end, this.#data);
  }

  #chunk(bytes: Buffer, start: number, end: number): number {
    const scan = scanObject(bytes, CHUNK, start, end);
    let bits = 0;
    for (const member of scan.members) {
      switch (member.name) {
        case "candidates":
          bits |= this.#candidates(bytes, member.start, member.end);
          break;
        case "usageMetadata":
          this.#keepUsage(bytes, member.start, member.end);
          break;
        case "error":
          this.#error = readErrorObject(parseValue(bytes, { start, end }));
          bits |= ERROR;
          break;
        case "promptFeedback": {
          const stop = decodeBlock(parseValue(bytes, member));
          if (stop === null) break;
          this.#stop = stop;
          bits |= FINISH | CONTENT;
          break;
        }
        case "modelVersion":
          if (this.#model === "") this.#model = String(parseValue(bytes, member));
          break;
        case "responseId":
          if (this.#id === "") this.#id = String(parseValue(bytes, member));
          break;
      }
    }
    this.#started = true;
    return bits;
  }

  #candidates(bytes: Buffer, start: number, end: number): number {
    let bits = 0;
    for (const candidate of scanArray(bytes, start, end)) {
      const scan = scanObject(bytes, CANDIDATE, candidate.start, candidate.end);
      const index = findMember(scan, "index");
      if (index !== undefined && bytes[index.start] !== 0x30) this.#text.giveUp();
      const content = findMember(scan, "content");
      if (content !== undefined && bytes[content.start] === 0x7b)
        bits |= this.#content(bytes, content.start, content.end);
      const finish = findMember(scan, "finishReason");
      if (finish === undefined) continue;
      const message = findMember(scan, "finishMessage");
      bits |= FINISH;
      this.#stop = decodeFinish(
        String(parseValue(bytes, finish)),
        message === undefined ? "" : String(parseValue(bytes, message)),
        { hasCalls: this.#hasCalls, hasContent: this.#parts > 0 },
      );
    }
    return bits;
  }

  #content(bytes: Buffer, start: number, end: number): number {
    const parts = findMember(scanObject(bytes, CONTENT_NAMES, start, end), "parts");
    if (parts === undefined || bytes[parts.start] !== 0x5b) return 0;
    let bits = 0;
    for (const part of scanArray(bytes, parts.start, parts.end)) {
      const scan = scanObject(bytes, PART, part.start, part.end);
      const text = findMember(scan, "text");
      if (findMember(scan, "functionCall") !== undefined) {
        this.#hasCalls = true;
        this.#openKind = null;
        this.#parts++;
        this.#text.giveUp();
        bits |= CONTENT | TOOL_CALL;
      } else if (text !== undefined) {
        if (isString(bytes, text, "") || bytes[text.start] !== 0x22) continue;
        const thought = findMember(scan, "thought");
        const thinking = thought !== undefined && bytes[thought.start] === 0x74;
        const kind = thinking ? "thinking" : "text";
        if (this.#openKind !== kind) this.#parts++;
        this.#openKind = kind;
        if (!thinking) this.#text.append(bytes, text.start + 1, text.end - 1);
        bits |= thinking ? CONTENT | REASONING : CONTENT;
      } else if (scan.count > (findMember(scan, "thoughtSignature") === undefined ? 0 : 1)) {
        this.#openKind = null;
        this.#parts++;
        this.#text.giveUp();
        bits |= CONTENT;
      }
    }
    return bits;
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

function parseUsage(bytes: Buffer): Usage | null {
  try {
    return decodeUsage(JSON.parse(bytes.toString()));
  } catch {
    // The scan checks brackets only; figures that are no JSON are no figures.
    return null;
  }
}

const ANSWER = watchNames(["usageMetadata"]);

/** Usage of a whole answer, or of the last element of a JSON array; null when it has none. */
export function readUsage(body: Buffer): Usage | null {
  try {
    let range = { start: 0, end: body.length };
    if (body[skipSpace(body, 0, body.length)] === 0x5b) {
      const elements = scanArray(body, 0, body.length);
      const last = elements[elements.length - 1];
      if (last === undefined) return null;
      range = last;
    }
    const member = findMember(scanObject(body, ANSWER, range.start, range.end), "usageMetadata");
    return member === undefined ? null : parseUsage(body.subarray(member.start, member.end));
  } catch {
    // Not JSON: whoever relays it has said so already.
    return null;
  }
}
