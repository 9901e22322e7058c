/** Watches a relayed Anthropic stream by bytes: one pass over the keys of each event, JSON.parse only for usage and errors. */
import { findSseData } from "../../base/sse.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { afterSpace, closingBrace, closingQuote, spells, stringAt } from "../byte-text.ts";
import { EscapedText, type KeepOptions } from "../escaped-text.ts";
import { KnownEvents } from "../known-events.ts";
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
import { decodeError } from "./errors.ts";
import { readStop } from "./stop.ts";
import { emptyCounts, readCounts, usageOf } from "./usage.ts";

const QUOTE = 0x22;

/** The members of one event that matter, found in one pass. */
interface Seen {
  type: string;
  /** `content_block.type` or `delta.type`. */
  inner: string;
  index: number;
  /** `text` of a delta or a block: where its inside begins and ends. */
  textStart: number;
  textEnd: number;
  thinking: boolean;
  /** `thinking`, or a piece of a call's arguments: likewise. */
  otherStart: number;
  otherEnd: number;
  stopReason: boolean;
  usage: boolean;
}

export class AnthropicInspector implements StreamInspector, MemberSink {
  usage: Usage | null = null;
  error: UpstreamErrorInfo | null = null;
  model = "";
  stop: Stop | null = null;
  readonly known: KnownEvents;
  #id = "";
  #started = false;
  #next = 0;
  #open: StreamPosition["open"] = null;
  readonly #counts = emptyCounts();
  readonly #keeper: EscapedText;
  readonly #data = { start: 0, end: 0 };
  readonly #seen: Seen = {
    type: "",
    inner: "",
    index: 0,
    textStart: 0,
    textEnd: 0,
    thinking: false,
    otherStart: 0,
    otherEnd: 0,
    stopReason: false,
    usage: false,
  };

  constructor(options: KeepOptions) {
    this.#keeper = new EscapedText(options);
    this.known = new KnownEvents(this.#keeper);
  }

  get text(): Buffer | null {
    return this.#keeper.bytes;
  }

  position(): StreamPosition {
    return {
      id: this.#id,
      model: this.model,
      created: 0,
      nextIndex: this.#next,
      open: this.#open,
      sequence: 0,
      started: this.#started,
      items: [],
    };
  }

  inspect(event: Buffer, start: number, end: number): number {
    if (this.known.match(event, start, end) === end) return this.known.accept(event);
    if (!findSseData(event, start, end, this.#data)) return PING;
    const from = afterSpace(event, this.#data.start, this.#data.end);
    const to = this.#data.end;
    if (from >= to) return PING;
    const seen = this.#seen;
    seen.type = "";
    seen.inner = "";
    seen.index = 0;
    seen.textStart = 0;
    seen.textEnd = 0;
    seen.thinking = false;
    seen.otherStart = 0;
    seen.otherEnd = 0;
    seen.stopReason = false;
    seen.usage = false;
    if (event[from] !== 0x7b || !walkMembers(event, from, to, this)) return MALFORMED;
    const flags = this.#classify(event, from, to);
    if (seen.type === "content_block_delta" && !seen.usage) this.#learn(event, start, end, flags);
    return flags;
  }

  /** Events with another text in the place of this one's say the same. */
  #learn(event: Buffer, start: number, end: number, flags: number): void {
    const { inner, textStart, textEnd, otherStart, otherEnd } = this.#seen;
    this.known.begin();
    if (inner === "text_delta") this.known.note(textStart, textEnd, true);
    else if (inner === "thinking_delta" || inner === "input_json_delta")
      this.known.note(otherStart, otherEnd, false);
    this.known.learn(event, start, end, flags);
  }

  onMember(event: Buffer, key: number, length: number, value: number, to: number, depth: number): void {
    if (depth > 3) return;
    const seen = this.#seen;
    if (depth === 1) {
      if (spells(event, key, length, "type")) seen.type = wordAt(event, value, to);
      else if (spells(event, key, length, "index")) seen.index = digitsAt(event, value);
      else if (spells(event, key, length, "usage")) this.#readUsage(event, value, to);
      return;
    }
    if (depth !== 2) return;
    if (spells(event, key, length, "type")) {
      seen.inner = wordAt(event, value, to);
    } else if (spells(event, key, length, "text")) {
      if (event[value] !== QUOTE) return;
      seen.textStart = value + 1;
      seen.textEnd = closingQuote(event, value, to);
    } else if (spells(event, key, length, "thinking")) {
      seen.thinking = event[value] === QUOTE && event[value + 1] !== QUOTE;
      this.#seeOther(event, value, to);
    } else if (spells(event, key, length, "partial_json")) {
      this.#seeOther(event, value, to);
    } else if (spells(event, key, length, "stop_reason")) {
      seen.stopReason = event[value] === QUOTE;
    } else if (spells(event, key, length, "usage")) {
      this.#readUsage(event, value, to);
    } else if (this.model === "" && spells(event, key, length, "model")) {
      this.model = stringAt(event, value, to);
    } else if (this.#id === "" && spells(event, key, length, "id")) {
      this.#id = stringAt(event, value, to);
    }
  }

  #seeOther(event: Buffer, value: number, to: number): void {
    this.#seen.otherStart = value + 1;
    this.#seen.otherEnd = event[value] === QUOTE ? closingQuote(event, value, to) : 0;
  }

  #classify(event: Buffer, from: number, to: number): number {
    const seen = this.#seen;
    switch (seen.type) {
      case "content_block_delta":
        return this.#delta(event);
      case "content_block_start":
        return this.#blockStart(event);
      case "content_block_stop":
        this.#open = null;
        return 0;
      case "message_start":
        this.#started = true;
        return 0;
      case "message_delta":
        if (!seen.stopReason) return 0;
        this.#readStop(event, from, to);
        return FINISH;
      case "message_stop":
        return TERMINAL;
      case "ping":
        return PING;
      case "error":
        this.error = decodeError(0, event.toString("utf8", from, to));
        return ERROR;
      default:
        return 0;
    }
  }

  #delta(event: Buffer): number {
    const seen = this.#seen;
    switch (seen.inner) {
      case "text_delta":
        if (seen.textEnd <= seen.textStart) return 0;
        this.#keeper.append(event, seen.textStart, seen.textEnd);
        return CONTENT;
      case "thinking_delta":
        return seen.thinking ? CONTENT | REASONING : REASONING;
      case "signature_delta":
        return CONTENT | REASONING;
      case "input_json_delta":
        return CONTENT | TOOL_CALL;
      default:
        return CONTENT;
    }
  }

  #blockStart(event: Buffer): number {
    const seen = this.#seen;
    this.#next = seen.index + 1;
    const kind =
      seen.inner === "text" ? "text" : seen.inner.includes("thinking") ? "thinking" : ("call" as const);
    this.#open = { kind, index: seen.index, itemId: "" };
    if (seen.inner === "text") {
      if (seen.textEnd <= seen.textStart) return 0;
      this.#keeper.append(event, seen.textStart, seen.textEnd);
      return CONTENT;
    }
    if (seen.inner === "thinking") return seen.thinking ? CONTENT | REASONING : REASONING;
    if (seen.inner === "redacted_thinking") return CONTENT | REASONING;
    return CONTENT | TOOL_CALL;
  }

  #readUsage(event: Buffer, value: number, to: number): void {
    this.#seen.usage = true;
    const end = event[value] === 0x7b ? closingBrace(event, value, to) : -1;
    if (end < 0) return;
    try {
      if (readCounts(JSON.parse(event.toString("utf8", value, end)), this.#counts)) {
        this.usage = usageOf(this.#counts);
      }
    } catch {
      // Figures that cannot be read are no figures; the event itself is relayed.
    }
  }

  #readStop(event: Buffer, from: number, to: number): void {
    try {
      const body: unknown = JSON.parse(event.toString("utf8", from, to));
      const delta = (body as { delta?: unknown }).delta;
      if (typeof delta === "object" && delta !== null) this.stop = readStop({ ...delta });
    } catch {
      // Balanced but no JSON: a reason stands in it all the same.
      this.stop ??= { reason: "stop" };
    }
  }
}

const WORDS = [
  "content_block_delta",
  "text_delta",
  "input_json_delta",
  "thinking_delta",
  "signature_delta",
  "citations_delta",
  "content_block_start",
  "content_block_stop",
  "message_start",
  "message_delta",
  "message_stop",
  "ping",
  "error",
  "text",
  "thinking",
  "redacted_thinking",
  "tool_use",
];

/** The string value at `value`; the frequent words without making a string. */
function wordAt(event: Buffer, value: number, to: number): string {
  if (event[value] !== QUOTE) return "";
  const close = closingQuote(event, value, to);
  const length = close - value - 1;
  for (const word of WORDS) {
    if (word.length === length && spells(event, value + 1, length, word)) return word;
  }
  return close < 0 ? "" : event.toString("latin1", value + 1, close);
}

function digitsAt(event: Buffer, value: number): number {
  let number = 0;
  for (let at = value; at < value + 6; at++) {
    const digit = (event[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
  }
  return number;
}
