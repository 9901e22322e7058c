/** Events of an Anthropic stream -> neutral events (40-protocols 3.3). */
import { type JsonObject, numberOf, objectOf, stringOf } from "../json-value.ts";
import type { Stop, StreamEvent } from "../neutral.ts";
import type { StreamDecoder } from "../protocol.ts";
import { readCitation } from "./citations.ts";
import { readErrorObject } from "./errors.ts";
import { readStop } from "./stop.ts";
import { emptyCounts, readCounts, usageOf } from "./usage.ts";

interface OpenBlock {
  /** What it became; `opaque` blocks are collected and shown whole. */
  readonly kind: "text" | "thinking" | "call" | "opaque";
  readonly source: JsonObject;
  /** Input that stood in the start event: counts only when no deltas follow. */
  input: string;
  /** Input of a server tool, which streams like a call's. */
  collected: string;
}

const MAX_BLOCKS = 4096;

export class AnthropicDecoder implements StreamDecoder {
  readonly #blocks = new Map<number, OpenBlock>();
  readonly #counts = emptyCounts();
  #stop: Stop | null = null;
  #started = false;
  #terminal = false;
  #failed = false;

  decode(data: string, event: string, out: StreamEvent[]): void {
    if (this.#failed || this.#terminal) return;
    let doc: unknown;
    try {
      doc = JSON.parse(data);
    } catch {
      return; // One malformed event in a stream that otherwise goes on is skipped (30-routing.md).
    }
    const body = objectOf(doc);
    if (body === undefined) return;
    const type = stringOf(body.type) ?? event;
    if (type === "error" || (body.error !== undefined && body.error !== null && type === "")) {
      this.#fail(body, out);
      return;
    }
    if (type === "message_start") {
      this.#start(objectOf(body.message) ?? {}, out);
      return;
    }
    const index = numberOf(body.index) ?? 0;
    switch (type) {
      case "ping":
        out.push({ type: "ping" });
        return;
      case "content_block_start":
        this.#open(index, objectOf(body.content_block) ?? {}, out);
        return;
      case "content_block_delta":
        this.#delta(index, objectOf(body.delta) ?? {}, out);
        return;
      case "content_block_stop":
        this.#close(index, out);
        return;
      case "message_delta":
        this.#messageDelta(body, out);
        return;
      case "message_stop":
        this.#terminal = true;
        return;
      default: // Newer than this gateway: nothing that is lost on other vendors.
    }
  }

  get done(): boolean {
    return this.#terminal;
  }

  finish(out: StreamEvent[]): void {
    if (this.#failed) return;
    for (const index of [...this.#blocks.keys()]) this.#close(index, out);
    if (this.#stop === null && !this.#terminal) {
      this.#push(out, "truncated", "the upstream's stream ended before the answer was complete", 502);
      return;
    }
    if (this.#stop === null) out.push({ type: "stop", c: 0, stop: { reason: "stop" } });
    out.push({ type: "end" });
  }

  #start(message: JsonObject, out: StreamEvent[]): void {
    if (this.#started) return;
    this.#started = true;
    const id = stringOf(message.id) ?? "";
    out.push({ type: "start", id, model: stringOf(message.model) ?? "", created: 0 });
    this.#usage(message.usage, out);
  }

  /** Figures are cumulative: each event overwrites what it names (envoy ai-gateway #2239). */
  #usage(value: unknown, out: StreamEvent[]): void {
    if (readCounts(value, this.#counts)) out.push({ type: "usage", usage: usageOf(this.#counts) });
  }

  #open(index: number, block: JsonObject, out: StreamEvent[]): void {
    if (this.#blocks.size >= MAX_BLOCKS) return;
    if (this.#blocks.has(index)) this.#close(index, out);
    const c = 0;
    const open = (kind: OpenBlock["kind"], input = "") =>
      this.#blocks.set(index, { kind, source: block, input, collected: "" });
    switch (block.type) {
      case "text": {
        open("text");
        out.push({ type: "part", c, i: index, kind: "text" });
        const text = stringOf(block.text) ?? "";
        if (text !== "") out.push({ type: "text", c, i: index, text });
        return;
      }
      case "thinking": {
        open("thinking");
        out.push({ type: "part", c, i: index, kind: "thinking" });
        const text = stringOf(block.thinking) ?? "";
        if (text !== "") out.push({ type: "think", c, i: index, text });
        this.#signature(index, stringOf(block.signature) ?? "", false, out);
        return;
      }
      case "redacted_thinking":
        open("thinking");
        out.push({ type: "part", c, i: index, kind: "thinking" });
        this.#signature(index, stringOf(block.data) ?? "", true, out);
        return;
      case "tool_use": {
        const input = objectOf(block.input);
        open("call", input === undefined || Object.keys(input).length === 0 ? "" : JSON.stringify(input));
        const id = stringOf(block.id) ?? "";
        out.push({
          type: "part",
          c,
          i: index,
          kind: "call",
          id,
          name: stringOf(block.name) ?? "",
          custom: false,
        });
        return;
      }
      default:
        open("opaque");
    }
  }

  #signature(index: number, value: string, redacted: boolean, out: StreamEvent[]): void {
    if (value === "") return;
    const signature = { vendor: "anthropic", value, ...(redacted ? { redacted } : {}) } as const;
    out.push({ type: "signature", c: 0, i: index, signature });
  }

  #delta(index: number, delta: JsonObject, out: StreamEvent[]): void {
    const block = this.#blocks.get(index);
    const c = 0;
    switch (delta.type) {
      case "text_delta":
        out.push({ type: "text", c, i: index, text: stringOf(delta.text) ?? "" });
        return;
      case "thinking_delta":
        out.push({ type: "think", c, i: index, text: stringOf(delta.thinking) ?? "" });
        return;
      case "signature_delta":
        this.#signature(index, stringOf(delta.signature) ?? "", false, out);
        return;
      case "input_json_delta": {
        const text = stringOf(delta.partial_json) ?? "";
        if (block?.kind === "opaque") {
          if (block.collected.length + text.length < MAX_SERVER_INPUT) block.collected += text;
        } else if (block?.kind === "call" && text !== "") {
          block.input = "";
          out.push({ type: "arguments", c, i: index, text });
        }
        return;
      }
      case "citations_delta": {
        const citation = readCitation(delta.citation);
        if (citation !== null) out.push({ type: "cite", c, i: index, citation });
        return;
      }
      default: // Newer than this gateway.
    }
  }

  #close(index: number, out: StreamEvent[]): void {
    const block = this.#blocks.get(index);
    if (block === undefined) return;
    this.#blocks.delete(index);
    if (block.kind === "opaque") {
      const input = block.collected === "" ? {} : { input: parsed(block.collected) };
      const raw = JSON.stringify({ ...block.source, ...input });
      out.push({ type: "part", c: 0, i: index, kind: "opaque", vendor: "anthropic", raw });
    } else if (block.input !== "") {
      out.push({ type: "arguments", c: 0, i: index, text: block.input });
    }
    out.push({ type: "close", c: 0, i: index });
  }

  #messageDelta(body: JsonObject, out: StreamEvent[]): void {
    this.#usage(body.usage, out);
    const stop = readStop(objectOf(body.delta) ?? {});
    if (stop === null || this.#stop !== null) return;
    // Told as soon as it is known: whatever goes wrong behind a finish reason, the answer is whole.
    this.#stop = stop;
    for (const index of [...this.#blocks.keys()]) this.#close(index, out);
    out.push({ type: "stop", c: 0, stop });
  }

  #fail(body: JsonObject, out: StreamEvent[]): void {
    this.#failed = true;
    const error = readErrorObject(body, 0);
    if (error !== null) out.push({ type: "error", error });
    else this.#push(out, "", "the upstream sent an error without a message", 0);
  }

  #push(out: StreamEvent[], code: string, message: string, status: number): void {
    this.#failed = true;
    out.push({
      type: "error",
      error: { status, code, message, param: null, retryAfterMs: null, recognised: status !== 0 },
    });
  }
}

const MAX_SERVER_INPUT = 1024 * 1024;

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return {}; // A server tool's input that was cut: the vendor knows what it did.
  }
}
