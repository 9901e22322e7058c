/** Watches a relayed Anthropic stream by bytes: one pass over the keys of each event, JSON.parse only for usage and errors. */
import { findSseData } from "../../base/sse.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { afterSpace } from "../byte-text.ts";
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
import { walkMembers } from "../walk-members.ts";
import { decodeError } from "./errors.ts";
import { EventMembers } from "./event-members.ts";
import { readStop } from "./stop.ts";

export class AnthropicInspector implements StreamInspector {
  error: UpstreamErrorInfo | null = null;
  stop: Stop | null = null;
  readonly known: KnownEvents;
  #started = false;
  #next = 0;
  #open: StreamPosition["open"] = null;
  readonly #keeper: EscapedText;
  readonly #data = { start: 0, end: 0 };
  readonly #seen = new EventMembers();

  constructor(options: KeepOptions) {
    this.#keeper = new EscapedText(options);
    this.known = new KnownEvents(this.#keeper);
  }

  get usage(): Usage | null {
    return this.#seen.usage;
  }

  get model(): string {
    return this.#seen.model;
  }

  get text(): Buffer | null {
    return this.#keeper.bytes;
  }

  position(): StreamPosition {
    return {
      id: this.#seen.id,
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
    seen.begin();
    if (event[from] !== 0x7b || !walkMembers(event, from, to, seen)) return MALFORMED;
    const flags = this.#classify(event, from, to);
    if (seen.type === "content_block_delta" && !seen.hasUsage) this.#learn(event, start, end, flags);
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
