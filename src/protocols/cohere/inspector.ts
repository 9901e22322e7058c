/** Watches a relayed Cohere stream, v2 (SSE) and v1 (a JSON object a line): one pass over the keys of each event. */
import { skipString } from "../../base/json-skip.ts";
import { findSseData } from "../../base/sse.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { spells } from "../byte-text.ts";
import { EscapedText, type KeepOptions } from "../escaped-text.ts";
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
import { type MemberSink, walkMembers } from "../walk-members.ts";
import { streamError } from "./errors.ts";
import { decodeFinish, decodeUsage } from "./types.ts";

const QUOTE = 0x22;

/** Depths of the members that matter: {1 delta:{2 message:{3 content:{4 …}}}}; v1 has all at the first. */
const ROOT = 1;
const DELTA = 2;
const MESSAGE = 3;
const BLOCK = 4;

export class CohereInspector implements StreamInspector, MemberSink {
  readonly #lines: boolean;
  readonly #data = { start: 0, end: 0 };
  readonly #text: EscapedText;
  #usage: Usage | null = null;
  #error: UpstreamErrorInfo | null = null;
  #stop: Stop | null = null;
  #id = "";
  #started = false;
  #hasCalls = false;
  #blocks = 0;
  #open: { kind: "text" | "thinking"; index: number; itemId: string } | null = null;

  // Of the event being read: where values begin, 0 = not there.
  #type = 0;
  #index = 0;
  #idAt = 0;
  #lineText = 0;
  #plainMessage = 0;
  #logprobs = false;
  #inDelta = false;
  #inMessage = false;
  #inContent = false;
  #blockText = 0;
  #blockThinking = 0;
  #blockType = 0;

  /** `lines`: v1's framing. */
  constructor(keep: KeepOptions, lines: boolean) {
    this.#text = new EscapedText(keep);
    this.#lines = lines;
  }

  inspect(event: Buffer, start: number, end: number): number {
    if (!this.#locate(event, start, end)) return PING;
    const { start: from, end: to } = this.#data;
    if (event[from] === 0x5b && event.toString("latin1", from, from + 6) === "[DONE]") return TERMINAL;
    this.#reset();
    try {
      if (event[from] !== 0x7b || !walkMembers(event, from, to, this)) return MALFORMED;
      return this.#event(event, from, to);
    } catch {
      // A value that does not end, or is no JSON: what a client could not read either.
      return MALFORMED;
    }
  }

  #reset(): void {
    this.#type = 0;
    this.#index = 0;
    this.#idAt = 0;
    this.#lineText = 0;
    this.#plainMessage = 0;
    this.#logprobs = false;
    this.#inDelta = false;
    this.#inMessage = false;
    this.#inContent = false;
    this.#blockText = 0;
    this.#blockThinking = 0;
    this.#blockType = 0;
  }

  onMember(event: Buffer, key: number, length: number, value: number, _to: number, depth: number): void {
    if (depth === BLOCK) {
      if (!this.#inContent) return;
      if (spells(event, key, length, "text")) this.#blockText = value;
      else if (spells(event, key, length, "thinking")) this.#blockThinking = value;
      else if (spells(event, key, length, "type")) this.#blockType = value;
    } else if (depth === MESSAGE) {
      this.#inContent = this.#inMessage && spells(event, key, length, "content");
    } else if (depth === DELTA) {
      this.#inMessage = this.#inDelta && spells(event, key, length, "message");
      this.#inContent = false;
    } else if (depth === ROOT) this.#onRootMember(event, key, length, value);
  }

  #onRootMember(event: Buffer, key: number, length: number, value: number): void {
    this.#inDelta = spells(event, key, length, "delta");
    this.#inMessage = false;
    this.#inContent = false;
    if (this.#inDelta) return;
    if (spells(event, key, length, "type") || spells(event, key, length, "event_type")) this.#type = value;
    else if (spells(event, key, length, "index")) this.#index = value;
    else if (spells(event, key, length, "id") || spells(event, key, length, "generation_id"))
      this.#idAt = value;
    else if (spells(event, key, length, "text")) this.#lineText = value;
    else if (spells(event, key, length, "message")) this.#plainMessage = value;
    else if (spells(event, key, length, "logprobs")) this.#logprobs = event[value] === 0x7b;
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
    if (this.#type === 0) {
      if (this.#plainMessage === 0) return 0;
      this.#error = streamError(readText(bytes, this.#plainMessage, end), "");
      return ERROR;
    }
    this.#started = true;
    switch (readWord(bytes, this.#type, end)) {
      case "message-start":
      case "stream-start":
        this.#id = readText(bytes, this.#idAt, end);
        return 0;
      case "content-start":
      case "content-delta":
        if (this.#logprobs) this.#text.giveUp();
        return this.#content(bytes, end);
      case "content-end":
        this.#open = null;
        return 0;
      case "text-generation":
        return this.#generation(bytes, end);
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
        return this.#end(JSON.parse(bytes.toString("utf8", start, end)));
      default:
        return 0;
    }
  }

  #content(bytes: Buffer, end: number): number {
    if (this.#blockText === 0 && this.#blockThinking === 0) return 0;
    const thinking =
      this.#blockType === 0 ? this.#blockThinking > 0 : readWord(bytes, this.#blockType, end) === "thinking";
    const at = this.#index === 0 ? 0 : readIndex(bytes, this.#index);
    if (this.#open === null || this.#open.index !== at || this.#open.itemId === "plan") {
      this.#open = { kind: thinking ? "thinking" : "text", index: at, itemId: "" };
      this.#blocks = Math.max(this.#blocks, at + 1);
    }
    const value = thinking ? this.#blockThinking : this.#blockText;
    if (value === 0 || bytes[value] !== QUOTE) return 0;
    const close = skipString(bytes, value, end) - 1;
    if (close === value + 1) return 0;
    if (!thinking) this.#text.append(bytes, value + 1, close);
    return thinking ? CONTENT | REASONING : CONTENT;
  }

  #generation(bytes: Buffer, end: number): number {
    const value = this.#lineText;
    if (value === 0 || bytes[value] !== QUOTE) return 0;
    const close = skipString(bytes, value, end) - 1;
    if (close === value + 1) return 0;
    if (this.#open === null) this.#open = { kind: "text", index: 0, itemId: "" };
    this.#blocks = 1;
    this.#text.append(bytes, value + 1, close);
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

/** A word without escapes, as types are. */
function readWord(bytes: Buffer, value: number, end: number): string {
  if (bytes[value] !== QUOTE) return "";
  return bytes.toString("latin1", value + 1, skipString(bytes, value, end) - 1);
}

function readText(bytes: Buffer, value: number, end: number): string {
  if (value === 0 || bytes[value] !== QUOTE) return "";
  return String(JSON.parse(bytes.toString("utf8", value, skipString(bytes, value, end))));
}

/** A small number without sign or fraction; 0 for anything else. */
function readIndex(bytes: Buffer, value: number): number {
  let number = 0;
  for (let at = value; at < value + 6; at++) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
  }
  return number;
}
