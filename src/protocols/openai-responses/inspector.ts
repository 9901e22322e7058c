/** Watches a relayed Responses stream by bytes: one pass over each event's own members, JSON.parse only at its end. */
import { findSseData } from "../../base/sse.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { findValue, parseSpan, type Span, stringIn, valueEnd } from "../byte-members.ts";
import { afterSpace, closingQuote, spells } from "../byte-text.ts";
import { EscapedText, type KeepOptions } from "../escaped-text.ts";
import { isObject, type JsonObject } from "../json-value.ts";
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
import { readStreamError } from "./stream-error.ts";
import { decodeStop, decodeUsage } from "./types.ts";

const QUOTE = 0x22;

/** Finished items may be this many times as long as the text that is kept: they hold it escaped, with all around it. */
const ITEM_SHARE = 4;

export function createInspector(options: KeepOptions): StreamInspector {
  return new ResponsesInspector(options);
}

class ResponsesInspector implements StreamInspector {
  usage: Usage | null = null;
  error: UpstreamErrorInfo | null = null;
  model = "";
  stop: Stop | null = null;
  readonly #keeper: EscapedText;
  /** The open reasoning item's text. */
  #thoughts: EscapedText;
  readonly #keep: KeepOptions;
  readonly #data = { start: 0, end: 0 };
  readonly #type: Span = { start: -1, end: -1 };
  readonly #delta: Span = { start: -1, end: -1 };
  readonly #logprobs: Span = { start: -1, end: -1 };
  readonly #value: Span = { start: -1, end: -1 };
  readonly #itemId: Span = { start: -1, end: -1 };
  #outputIndex = 0;
  #contentIndex = 0;
  #id = "";
  #created = 0;
  #begun = false;
  #sequence = 0;
  #nextIndex = 0;
  #items: string[] = [];
  #itemBytes = 0;
  #contents: string[] = [];
  #openKind: "text" | "thinking" | "call" | null = null;
  #openIndex = 0;
  #openId = "";
  /** -1: no content part is open. */
  #openContent = -1;
  /** Where the open part's text begins in what is kept. */
  #openFrom = 0;
  #hasCalls = false;
  #refused = false;

  constructor(options: KeepOptions) {
    this.#keeper = new EscapedText(options);
    this.#thoughts = new EscapedText(options);
    this.#keep = options;
  }

  get text(): Buffer | null {
    return this.#keeper.bytes;
  }

  inspect(event: Buffer, start: number, end: number): number {
    if (!findSseData(event, start, end, this.#data)) return PING;
    const from = afterSpace(event, this.#data.start, this.#data.end);
    const to = this.#data.end;
    if (from >= to || isDone(event, from, to)) return PING;
    if (!this.#walk(event, from, to)) return MALFORMED;
    if (this.#type.start < 0) return this.#untyped(event, from, to);
    return this.#typed(event.toString("latin1", this.#type.start + 1, this.#type.end - 1), event, from, to);
  }

  position(): StreamPosition {
    return {
      id: this.#id,
      model: this.model,
      created: this.#created,
      nextIndex: this.#nextIndex,
      open: this.#openKind === null ? null : this.#openPart(this.#openKind),
      sequence: this.#sequence,
      started: this.#begun,
      items: this.#items,
    };
  }

  #openPart(kind: "text" | "thinking" | "call") {
    const base = { kind, index: this.#openIndex, itemId: this.#openId };
    if (kind === "thinking") return { ...base, text: unescapeText(this.#thoughts.bytes ?? Buffer.alloc(0)) };
    if (kind === "call") return base;
    const kept = this.#keeper.bytes;
    const text = this.#openContent < 0 || kept === null ? "" : unescapeText(kept.subarray(this.#openFrom));
    return {
      ...base,
      text,
      contents: this.#contents,
      ...(this.#openContent < 0 ? {} : { contentIndex: this.#openContent }),
    };
  }

  #typed(type: string, event: Buffer, from: number, to: number): number {
    switch (type) {
      case "response.created":
      case "response.in_progress":
      case "response.queued":
        this.#begin(event);
        return 0;
      case "keepalive":
        return PING;
      case "response.output_item.added":
        return this.#addItem(event);
      case "response.content_part.added":
        this.#openContentPart(event);
        return CONTENT;
      case "response.output_text.delta":
        this.#keepDelta(event);
        return CONTENT;
      case "response.content_part.done":
        this.#openContent = -1;
        if (this.#value.start >= 0)
          this.#contents.push(event.toString("utf8", this.#value.start, this.#value.end));
        return CONTENT;
      case "response.refusal.delta":
      case "response.refusal.done":
        this.#refused = true;
        this.#keeper.giveUp();
        return CONTENT;
      case "response.output_item.done":
        return this.#finishItem(event);
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
      case "response.cancelled":
        return this.#finish(type, event);
      case "error":
        this.#readError(event, from, to);
        return ERROR;
      default:
        if (type.startsWith("response.reasoning")) {
          if (type.endsWith("_text.delta")) this.#keepThought(event);
          return CONTENT | REASONING;
        }
        if (type.startsWith("response.function_call") || type.startsWith("response.custom_tool_call"))
          return CONTENT | TOOL_CALL;
        return CONTENT;
    }
  }

  /** A server that forgets `type` can still say that it failed. */
  #untyped(event: Buffer, from: number, to: number): number {
    if (event.subarray(from, to).indexOf('"error"') < 0) return MALFORMED;
    this.#readError(event, from, to);
    return ERROR;
  }

  /** One pass over the event's own members; false when it is no object. */
  #walk(event: Buffer, from: number, to: number): boolean {
    this.#type.start = this.#delta.start = this.#logprobs.start = this.#value.start = this.#itemId.start = -1;
    this.#outputIndex = this.#contentIndex = 0;
    if (event[from] !== 0x7b) return false;
    this.#sequence++;
    let at = afterSpace(event, from + 1, to);
    while (at < to && event[at] === QUOTE) {
      const close = closingQuote(event, at, to);
      const colon = close < 0 ? to : afterSpace(event, close + 1, to);
      if (colon >= to || event[colon] !== 0x3a) return false;
      const value = afterSpace(event, colon + 1, to);
      const end = valueEnd(event, value, to);
      if (end < 0) return false;
      this.#member(event, at + 1, close - at - 1, value, end);
      at = afterSpace(event, end, to);
      if (event[at] === 0x2c) at = afterSpace(event, at + 1, to);
    }
    return at < to && event[at] === 0x7d;
  }

  #member(event: Buffer, key: number, length: number, value: number, end: number): void {
    if (spells(event, key, length, "type")) set(this.#type, value, end);
    else if (spells(event, key, length, "delta")) set(this.#delta, value, end);
    else if (spells(event, key, length, "logprobs")) set(this.#logprobs, value, end);
    else if (spells(event, key, length, "item_id")) set(this.#itemId, value, end);
    else if (
      spells(event, key, length, "item") ||
      spells(event, key, length, "part") ||
      spells(event, key, length, "response")
    )
      set(this.#value, value, end);
    else if (spells(event, key, length, "output_index")) this.#outputIndex = integer(event, value, end);
    else if (spells(event, key, length, "content_index")) this.#contentIndex = integer(event, value, end);
    else if (spells(event, key, length, "sequence_number")) this.#sequence = integer(event, value, end) + 1;
  }

  #begin(event: Buffer): void {
    if (this.#begun) return;
    this.#begun = true;
    const { start, end } = this.#value;
    if (start < 0) return;
    this.#id = stringIn(event, findValue(event, start, end, "id"));
    this.model = stringIn(event, findValue(event, start, end, "model"));
    const created = findValue(event, start, end, "created_at");
    if (created !== null) this.#created = integer(event, created.start, created.end);
  }

  #addItem(event: Buffer): number {
    const item = this.#parse(event);
    this.#nextIndex = Math.max(this.#nextIndex, this.#outputIndex + 1);
    this.#openIndex = this.#outputIndex;
    this.#openId = typeof item?.["id"] === "string" ? item["id"] : "";
    this.#openContent = -1;
    this.#contents = [];
    switch (item?.["type"]) {
      case "message":
        this.#openKind = "text";
        return CONTENT;
      case "reasoning":
        this.#openKind = "thinking";
        this.#thoughts.giveUp();
        this.#thoughts = new EscapedText(this.#keep);
        return CONTENT | REASONING;
      case "function_call":
      case "custom_tool_call":
        this.#hasCalls = true;
        this.#openKind = "call";
        this.#keeper.giveUp();
        return CONTENT | TOOL_CALL;
      default:
        this.#openKind = null;
        return CONTENT;
    }
  }

  #openContentPart(event: Buffer): void {
    this.#openKind = "text";
    this.#openIndex = this.#outputIndex;
    if (this.#itemId.start >= 0)
      this.#openId = event.toString("utf8", this.#itemId.start + 1, this.#itemId.end - 1);
    this.#openContent = this.#contentIndex;
    this.#openFrom = this.#keeper.bytes?.length ?? 0;
  }

  #keepDelta(event: Buffer): void {
    if (this.#logprobs.start >= 0 && this.#logprobs.end - this.#logprobs.start > 2) this.#keeper.giveUp();
    if (this.#delta.start >= 0 && event[this.#delta.start] === QUOTE)
      this.#keeper.append(event, this.#delta.start + 1, this.#delta.end - 1);
  }

  #keepThought(event: Buffer): void {
    if (this.#delta.start >= 0 && event[this.#delta.start] === QUOTE)
      this.#thoughts.append(event, this.#delta.start + 1, this.#delta.end - 1);
  }

  /** Finished items are kept for the last event of a continuation, as long as there may be one. */
  #finishItem(event: Buffer): number {
    this.#openKind = null;
    this.#contents = [];
    if (this.#value.start < 0 || this.#keeper.bytes === null) {
      this.#items = [];
      return CONTENT;
    }
    const bytes = this.#value.end - this.#value.start;
    this.#itemBytes += bytes;
    if (this.#itemBytes > this.#keep.keepText * ITEM_SHARE || this.#keep.memory?.keep(bytes) === false) {
      this.#keeper.giveUp();
      this.#items = [];
      return CONTENT;
    }
    this.#items.push(event.toString("utf8", this.#value.start, this.#value.end));
    return CONTENT;
  }

  #finish(type: string, event: Buffer): number {
    const { start, end } = this.#value;
    const member = (name: string) =>
      start < 0 ? undefined : parseSpan(event, findValue(event, start, end, name));
    this.usage = decodeUsage(member("usage")) ?? this.usage;
    if (type === "response.failed" || type === "response.cancelled") {
      this.error = readStreamError({ error: member("error") });
      return ERROR | TERMINAL;
    }
    const status = {
      status: type.slice("response.".length),
      incomplete_details: member("incomplete_details"),
    };
    this.stop = decodeStop(status, this.#hasCalls, this.#refused);
    return FINISH | TERMINAL;
  }

  #parse(event: Buffer): JsonObject | null {
    const value = parseSpan(event, this.#value.start < 0 ? null : this.#value);
    return isObject(value) ? value : null;
  }

  #readError(event: Buffer, from: number, to: number): void {
    try {
      const value: unknown = JSON.parse(event.toString("utf8", from, to));
      this.error = readStreamError(isObject(value) ? value : {});
    } catch {
      this.error = readStreamError({});
    }
  }
}

function set(span: Span, start: number, end: number): void {
  span.start = start;
  span.end = end;
}

function integer(event: Buffer, start: number, end: number): number {
  return Number.parseInt(event.toString("latin1", start, Math.min(end, start + 12)), 10) || 0;
}

function unescapeText(bytes: Buffer): string {
  try {
    return String(JSON.parse(`"${bytes.toString("utf8")}"`));
  } catch {
    return ""; // A bad escape of the upstream; the item's end will then repeat less than was shown.
  }
}

const DONE = "[DONE]";

function isDone(event: Buffer, from: number, to: number): boolean {
  return to - from >= DONE.length && spells(event, from, DONE.length, DONE) && event[from] === 0x5b;
}
