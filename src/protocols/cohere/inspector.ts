/** Watches a relayed Cohere stream by bytes, v2 (SSE) and v1 (a JSON object a line). */
import {
  findMember,
  isString,
  type Member,
  parseValue,
  scanObject,
  watchNames,
} from "../../base/json-scan.ts";
import { findSseData } from "../../base/sse.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { EscapedText } from "../escaped-text.ts";
import { isObject, objectOf, stringOf } from "../json-value.ts";
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
  TERMINAL,
  TOOL_CALL,
} from "../protocol.ts";
import { streamError } from "./errors.ts";
import { decodeFinish, decodeUsage } from "./types.ts";

const EVENT = watchNames([
  "type",
  "event_type",
  "index",
  "delta",
  "id",
  "generation_id",
  "text",
  "logprobs",
  "message",
]);
const DELTA = watchNames(["message"]);
const MESSAGE = watchNames(["content"]);
const BLOCK = watchNames(["text", "thinking", "type"]);

interface Range {
  start: number;
  end: number;
}

export class CohereInspector implements StreamInspector {
  readonly #lines: boolean;
  readonly #data: Range = { start: 0, end: 0 };
  readonly #text: EscapedText;
  #usage: Usage | null = null;
  #error: UpstreamErrorInfo | null = null;
  #stop: Stop | null = null;
  #id = "";
  #started = false;
  #hasCalls = false;
  #blocks = 0;
  #open: { kind: "text" | "thinking"; index: number; itemId: string } | null = null;

  /** `lines`: v1's framing. */
  constructor(keepText: number, lines: boolean) {
    this.#text = new EscapedText(keepText);
    this.#lines = lines;
  }

  inspect(event: Buffer, start: number, end: number): number {
    if (!this.#locate(event, start, end)) return PING;
    const { start: from, end: to } = this.#data;
    if (event[from] === 0x5b && event.toString("latin1", from, from + 6) === "[DONE]") return TERMINAL;
    try {
      return this.#event(event, from, to);
    } catch {
      // Not one whole JSON object: what a client could not read either.
      return MALFORMED;
    }
  }

  #locate(event: Buffer, start: number, end: number): boolean {
    if (!this.#lines) return findSseData(event, start, end, this.#data);
    let from = start;
    let to = end;
    while (from < to && (event[from] ?? 0) <= 0x20) from++;
    while (to > from && (event[to - 1] ?? 0) <= 0x20) to--;
    this.#data.start = from;
    this.#data.end = to;
    return from < to;
  }

  #event(bytes: Buffer, start: number, end: number): number {
    const scan = scanObject(bytes, EVENT, start, end);
    const kind = findMember(scan, "type") ?? findMember(scan, "event_type");
    if (kind === undefined) {
      const message = findMember(scan, "message");
      if (message === undefined) return 0;
      this.#error = streamError(String(parseValue(bytes, message)), "");
      return ERROR;
    }
    this.#started = true;
    const type = bytes.toString("latin1", kind.start + 1, kind.end - 1);
    switch (type) {
      case "message-start":
      case "stream-start":
        this.#readId(bytes, findMember(scan, "id") ?? findMember(scan, "generation_id"));
        return 0;
      case "content-start":
      case "content-delta":
        if (findMember(scan, "logprobs") !== undefined) this.#text.giveUp();
        return this.#content(bytes, findMember(scan, "index"), findMember(scan, "delta"));
      case "content-end":
        this.#open = null;
        return 0;
      case "text-generation":
        return this.#generation(bytes, findMember(scan, "text"));
      case "tool-plan-delta":
        if (this.#open?.itemId !== "plan")
          this.#open = { kind: "thinking", index: this.#blocks, itemId: "plan" };
        return CONTENT | REASONING;
      case "tool-call-start":
      case "tool-call-delta":
      case "tool-calls-chunk":
      case "tool-calls-generation":
        this.#hasCalls = true;
        this.#open = null;
        this.#text.giveUp();
        return CONTENT | TOOL_CALL;
      case "message-end":
      case "stream-end":
        return this.#end(parseValue(bytes, { start, end }));
      default:
        return 0;
    }
  }

  #readId(bytes: Buffer, member: Member | undefined): void {
    if (member !== undefined) this.#id = String(parseValue(bytes, member));
  }

  #content(bytes: Buffer, index: Member | undefined, delta: Member | undefined): number {
    if (delta === undefined) return 0;
    const message = findMember(scanObject(bytes, DELTA, delta.start, delta.end), "message");
    if (message === undefined) return 0;
    const content = findMember(scanObject(bytes, MESSAGE, message.start, message.end), "content");
    if (content === undefined) return 0;
    const scan = scanObject(bytes, BLOCK, content.start, content.end);
    const thinking = findMember(scan, "thinking");
    const text = findMember(scan, "text");
    const type = findMember(scan, "type");
    const isThinking = type === undefined ? thinking !== undefined : isString(bytes, type, "thinking");
    const at = index === undefined ? 0 : Number(parseValue(bytes, index));
    if (this.#open === null || this.#open.index !== at || this.#open.itemId === "plan") {
      this.#open = { kind: isThinking ? "thinking" : "text", index: at, itemId: "" };
      this.#blocks = Math.max(this.#blocks, at + 1);
    }
    const value = isThinking ? thinking : text;
    if (value === undefined || bytes[value.start] !== 0x22 || isString(bytes, value, "")) return 0;
    if (!isThinking) this.#text.append(bytes, value.start + 1, value.end - 1);
    return isThinking ? CONTENT | REASONING : CONTENT;
  }

  #generation(bytes: Buffer, text: Member | undefined): number {
    if (text === undefined || bytes[text.start] !== 0x22 || isString(bytes, text, "")) return 0;
    this.#open = { kind: "text", index: 0, itemId: "" };
    this.#blocks = 1;
    this.#text.append(bytes, text.start + 1, text.end - 1);
    return CONTENT;
  }

  #end(doc: unknown): number {
    if (!isObject(doc)) return 0;
    const response = objectOf(doc.response);
    const delta = objectOf(doc.delta) ?? doc;
    this.#usage = decodeUsage(delta.usage) ?? decodeUsage(response?.meta) ?? this.#usage;
    const word = stringOf(delta.finish_reason) ?? stringOf(response?.finish_reason) ?? "";
    this.#stop = decodeFinish(word, stringOf(delta.error) ?? "", this.#hasCalls);
    this.#open = null;
    if (this.#stop.reason !== "failed") return FINISH | TERMINAL;
    this.#error = streamError(this.#stop.detail ?? "", this.#stop.category ?? "");
    return FINISH | TERMINAL | ERROR;
  }

  get usage(): Usage | null {
    return this.#usage;
  }

  get error(): UpstreamErrorInfo | null {
    return this.#error;
  }

  get stop(): Stop | null {
    return this.#stop;
  }

  /** Cohere's streams do not name their model. */
  get model(): string {
    return "";
  }

  get text(): Buffer | null {
    return this.#text.bytes;
  }

  get id(): string {
    return this.#id;
  }

  position(): StreamPosition {
    // v1's last line repeats the text, so it goes along.
    const text = this.#lines ? this.#text.bytes : null;
    return {
      id: this.#id,
      model: "",
      created: 0,
      nextIndex: this.#open?.itemId === "plan" ? this.#blocks + 1 : this.#blocks,
      open: this.#open,
      sequence: 0,
      started: this.#started,
      items: text === null || text.length === 0 ? [] : [`"${text}"`],
    };
  }
}

const WHOLE = watchNames(["usage", "meta"]);

/** Usage of a whole answer of either version; null when it has none. */
export function readUsage(body: Buffer): Usage | null {
  try {
    const scan = scanObject(body, WHOLE);
    const member = findMember(scan, "usage") ?? findMember(scan, "meta");
    return member === undefined ? null : decodeUsage(parseValue(body, member));
  } catch {
    // Not JSON: whoever relays it has said so already.
    return null;
  }
}
