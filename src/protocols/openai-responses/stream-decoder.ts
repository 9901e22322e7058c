/** Reads a Responses stream of an upstream. */
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { isObject, type JsonObject, listOf, numberOf, objectOf, stringOf } from "../json-value.ts";
import type { StreamEvent } from "../neutral.ts";
import type { ConvertContext, StreamDecoder } from "../protocol.ts";
import { reasoningText } from "./response.ts";
import { readStreamError } from "./stream-error.ts";
import { decodeAnnotation, decodeLogprobs, decodeStop, decodeUsage } from "./types.ts";

/** Items an answer may have; more is an attack or a loop. */
const MAX_ITEMS = 4096;

/** One neutral part: a content part of a message, a reasoning item, or a call. */
interface DecodedPart {
  readonly i: number;
  readonly kind: "text" | "refusal" | "thinking" | "call";
  hasText: boolean;
  closed: boolean;
}

export function createDecoder(context: ConvertContext): StreamDecoder {
  return new ResponsesDecoder(context);
}

class ResponsesDecoder implements StreamDecoder {
  readonly #context: ConvertContext;
  /** By `output_index` (+ `content_index` of messages). */
  readonly #parts = new Map<string, DecodedPart>();
  #next = 0;
  #started = false;
  #hasCalls = false;
  #refused = false;
  #over = false;

  constructor(context: ConvertContext) {
    this.#context = context;
  }

  decode(data: string, event: string, out: StreamEvent[]): void {
    if (this.#over || data === "[DONE]") return;
    let doc: unknown;
    try {
      doc = JSON.parse(data);
    } catch {
      return; // One bad event in a stream that goes on is skipped (30-routing.md).
    }
    if (!isObject(doc)) return;
    const type = stringOf(doc["type"]) ?? event;
    if (type === "error" || (type === "" && doc["error"] !== undefined))
      this.#error(readStreamError(doc), out);
    else this.#event(type, doc, out);
  }

  finish(out: StreamEvent[]): void {
    if (this.#over) return;
    this.#error(
      {
        status: 0,
        code: "truncated",
        message: "the stream ended before the response was complete",
        param: null,
        retryAfterMs: null,
        recognised: true,
      },
      out,
    );
  }

  #error(error: UpstreamErrorInfo, out: StreamEvent[]): void {
    this.#over = true;
    out.push({ type: "error", error });
  }

  #event(type: string, doc: JsonObject, out: StreamEvent[]): void {
    switch (type) {
      case "response.created":
      case "response.in_progress":
        this.#start(objectOf(doc["response"]), out);
        return;
      case "response.queued":
      case "keepalive":
        out.push({ type: "ping" });
        return;
      case "response.output_item.added":
        this.#addItem(doc, out);
        return;
      case "response.output_text.delta":
        this.#delta(doc, "text", stringOf(doc["delta"]), out);
        return;
      case "response.refusal.delta":
        this.#delta(doc, "refusal", stringOf(doc["delta"]), out);
        return;
      case "response.output_text.done":
        this.#whole(doc, "text", stringOf(doc["text"]), out);
        return;
      case "response.refusal.done":
        this.#whole(doc, "refusal", stringOf(doc["refusal"]), out);
        return;
      case "response.output_text.annotation.added":
        this.#annotation(doc, out);
        return;
      case "response.reasoning_summary_part.added":
        // Parts of a summary are paragraphs of one thought.
        if ((numberOf(doc["summary_index"]) ?? 0) > 0 && this.#find(doc, "thinking")?.hasText === true)
          this.#delta(doc, "thinking", "\n\n", out);
        return;
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
        this.#delta(doc, "thinking", stringOf(doc["delta"]), out);
        return;
      case "response.function_call_arguments.delta":
      case "response.custom_tool_call_input.delta":
        this.#delta(doc, "call", stringOf(doc["delta"]), out);
        return;
      case "response.function_call_arguments.done":
        this.#whole(doc, "call", stringOf(doc["arguments"]), out);
        return;
      case "response.custom_tool_call_input.done":
        this.#whole(doc, "call", stringOf(doc["input"]), out);
        return;
      case "response.output_item.done":
        this.#finishItem(doc, out);
        return;
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
      case "response.cancelled":
        this.#finish(type, objectOf(doc["response"]) ?? {}, out);
        return;
      default:
        return; // Events of hosted tools and of later versions.
    }
  }

  #start(response: JsonObject | undefined, out: StreamEvent[]): void {
    if (this.#started) return;
    this.#started = true;
    out.push({
      type: "start",
      id: stringOf(response?.["id"]) ?? "",
      model: stringOf(response?.["model"]) ?? this.#context.model,
      created: numberOf(response?.["created_at"]) ?? this.#context.now,
    });
  }

  #key(doc: JsonObject, kind: DecodedPart["kind"]): string {
    const output = String(numberOf(doc["output_index"]) ?? stringOf(doc["item_id"]) ?? 0);
    return kind === "text" || kind === "refusal"
      ? `${output}/${numberOf(doc["content_index"]) ?? 0}`
      : output;
  }

  #find(doc: JsonObject, kind: DecodedPart["kind"]): DecodedPart | undefined {
    return this.#parts.get(this.#key(doc, kind));
  }

  /** The part of that place, opened when it is new; calls are opened by their item only, since their name stands there. */
  #open(doc: JsonObject, kind: DecodedPart["kind"], out: StreamEvent[]): DecodedPart | undefined {
    const found = this.#find(doc, kind);
    if (found !== undefined || kind === "call" || this.#parts.size >= MAX_ITEMS) return found;
    this.#start(undefined, out);
    const part = { i: this.#next++, kind, hasText: false, closed: false };
    this.#parts.set(this.#key(doc, kind), part);
    if (kind === "refusal") this.#refused = true;
    out.push({ type: "part", c: 0, i: part.i, kind });
    return part;
  }

  #delta(doc: JsonObject, kind: DecodedPart["kind"], text: string | undefined, out: StreamEvent[]): void {
    if (text === undefined || text === "") return;
    const part = this.#open(doc, kind, out);
    if (part === undefined || part.closed) return;
    part.hasText = true;
    const type = kind === "thinking" ? "think" : kind === "call" ? "arguments" : kind;
    out.push({ type, c: 0, i: part.i, text });
    const logprobs = decodeLogprobs(doc["logprobs"]);
    if (logprobs !== undefined) out.push({ type: "logprobs", c: 0, i: part.i, raw: logprobs });
  }

  /** `done` repeats the whole text; it is news only when no delta came (LM Studio: LiteLLM #25321). */
  #whole(doc: JsonObject, kind: DecodedPart["kind"], text: string | undefined, out: StreamEvent[]): void {
    if (this.#find(doc, kind)?.hasText !== true) this.#delta(doc, kind, text, out);
  }

  #annotation(doc: JsonObject, out: StreamEvent[]): void {
    const citation = decodeAnnotation(doc["annotation"]);
    const part = citation === null ? undefined : this.#open(doc, "text", out);
    if (citation !== null && part !== undefined) out.push({ type: "cite", c: 0, i: part.i, citation });
  }

  #addItem(doc: JsonObject, out: StreamEvent[]): void {
    this.#start(undefined, out);
    const item = objectOf(doc["item"]);
    if (item?.["type"] !== "function_call" && item?.["type"] !== "custom_tool_call") return;
    const key = this.#key(doc, "call");
    if (this.#parts.has(key) || this.#parts.size >= MAX_ITEMS) return;
    const namespace = stringOf(item["namespace"]);
    const part = { i: this.#next++, kind: "call" as const, hasText: false, closed: false };
    this.#parts.set(key, part);
    this.#hasCalls = true;
    out.push({
      type: "part",
      c: 0,
      i: part.i,
      kind: "call",
      id: stringOf(item["call_id"]) ?? stringOf(item["id"]) ?? "",
      name: stringOf(item["name"]) ?? "",
      custom: item["type"] === "custom_tool_call",
      ...(namespace === undefined ? {} : { namespace }),
    });
  }

  /** The item is complete: what no delta brought is taken from it, and its parts end. */
  #finishItem(doc: JsonObject, out: StreamEvent[]): void {
    const item = objectOf(doc["item"]);
    if (item === undefined) return;
    switch (item["type"]) {
      case "message":
        listOf(item["content"]).forEach((entry, index) => {
          const content = objectOf(entry);
          const kind = content?.["type"] === "refusal" ? "refusal" : "text";
          const place = {
            output_index: doc["output_index"],
            item_id: doc["item_id"],
            content_index: index,
            logprobs: content?.["logprobs"],
          };
          this.#whole(place, kind, stringOf(content?.[kind]), out);
          this.#close(place, kind, out);
        });
        return;
      case "reasoning": {
        this.#whole(doc, "thinking", reasoningText(item), out);
        const encrypted = stringOf(item["encrypted_content"]) ?? "";
        const id = stringOf(item["id"]);
        const part = encrypted === "" ? this.#find(doc, "thinking") : this.#open(doc, "thinking", out);
        if (part !== undefined && encrypted !== "") {
          const signature = {
            vendor: "openai" as const,
            value: encrypted,
            ...(id === undefined ? {} : { id }),
          };
          out.push({ type: "signature", c: 0, i: part.i, signature });
        }
        this.#close(doc, "thinking", out);
        return;
      }
      case "function_call":
      case "custom_tool_call":
        this.#addItem(doc, out);
        this.#whole(doc, "call", stringOf(item["arguments"]) ?? stringOf(item["input"]), out);
        this.#close(doc, "call", out);
        return;
      default:
        this.#opaque(doc, item, out);
    }
  }

  #opaque(doc: JsonObject, item: JsonObject, out: StreamEvent[]): void {
    const key = this.#key(doc, "call");
    if (this.#parts.has(key) || this.#parts.size >= MAX_ITEMS) return;
    this.#start(undefined, out);
    const i = this.#next++;
    this.#parts.set(key, { i, kind: "call", hasText: true, closed: true });
    out.push({ type: "part", c: 0, i, kind: "opaque", vendor: "openai", raw: JSON.stringify(item) });
    out.push({ type: "close", c: 0, i });
  }

  #close(doc: JsonObject, kind: DecodedPart["kind"], out: StreamEvent[]): void {
    const part = this.#find(doc, kind);
    if (part === undefined || part.closed) return;
    part.closed = true;
    out.push({ type: "close", c: 0, i: part.i });
  }

  #finish(type: string, response: JsonObject, out: StreamEvent[]): void {
    if (type === "response.failed" || type === "response.cancelled") {
      const usage = decodeUsage(response["usage"]);
      if (usage !== null) out.push({ type: "usage", usage });
      this.#error(readStreamError(response), out);
      return;
    }
    this.#start(response, out);
    if (this.#parts.size === 0) this.#wholeOutput(response, out);
    const usage = decodeUsage(response["usage"]);
    if (usage !== null) out.push({ type: "usage", usage });
    const status = {
      status: type.slice("response.".length),
      incomplete_details: response["incomplete_details"],
    };
    out.push({ type: "stop", c: 0, stop: decodeStop(status, this.#hasCalls, this.#refused) });
    out.push({ type: "end" });
    this.#over = true;
  }

  /** Servers that stream nothing but the end. */
  #wholeOutput(response: JsonObject, out: StreamEvent[]): void {
    listOf(response["output"]).forEach((item, index) => {
      if (isObject(item)) this.#finishItem({ output_index: index, item }, out);
    });
  }
}
