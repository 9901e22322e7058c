/** Reads Cohere v2's stream: content blocks, tool plan and calls each count their own index. */
import { isObject, type JsonObject, numberOf, objectOf, stringOf } from "../json-value.ts";
import type { StreamEvent } from "../neutral.ts";
import type { ConvertContext, StreamDecoder } from "../protocol.ts";
import { decodeCitation } from "./citations.ts";
import { streamError, truncated } from "./errors.ts";
import { decodeLogprobs } from "./logprobs.ts";
import { decodeFinish, decodeUsage } from "./types.ts";

/** Blocks and calls an answer may have; more are ignored. */
const MAX_PARTS = 4096;

interface Block {
  readonly part: number;
  readonly kind: "text" | "thinking";
}

export function createDecoder(context: ConvertContext): StreamDecoder {
  return new CohereDecoder(context);
}

class CohereDecoder implements StreamDecoder {
  readonly #context: ConvertContext;
  readonly #blocks = new Map<number, Block>();
  readonly #calls = new Map<number, number>();
  /** The part that holds the tool plan; -1 = none is open. */
  #plan = -1;
  #next = 0;
  #started = false;
  #over: "" | "stopped" | "failed" = "";

  constructor(context: ConvertContext) {
    this.#context = context;
  }

  decode(data: string, event: string, out: StreamEvent[]): void {
    if (this.#over !== "" || data.startsWith("[DONE]")) return;
    let doc: unknown;
    try {
      doc = JSON.parse(data);
    } catch {
      // One bad event in a stream that goes on is skipped.
      return;
    }
    if (!isObject(doc)) return;
    const type = stringOf(doc.type) ?? event;
    if (type === "" && typeof doc.message === "string") {
      this.#over = "failed";
      out.push({ type: "error", error: streamError(doc.message, "") });
      return;
    }
    const message = objectOf(objectOf(doc.delta)?.message) ?? {};
    this.#event(type, numberOf(doc.index) ?? 0, message, doc, out);
  }

  #event(type: string, index: number, message: JsonObject, doc: JsonObject, out: StreamEvent[]): void {
    switch (type) {
      case "message-start":
        this.#start(stringOf(doc.id) ?? "", out);
        return;
      case "content-start":
      case "content-delta":
        this.#content(index, objectOf(message.content) ?? {}, doc, out);
        return;
      case "content-end":
        this.#endBlock(index, out);
        return;
      case "tool-plan-delta":
        this.#toolPlan(stringOf(message.tool_plan) ?? "", out);
        return;
      case "tool-call-start":
      case "tool-call-delta":
        this.#call(type === "tool-call-start", index, message, out);
        return;
      case "tool-call-end":
        this.#endCall(index, out);
        return;
      case "citation-start":
        this.#cite(message.citations, out);
        return;
      case "message-end":
        this.#end(objectOf(doc.delta) ?? {}, out);
        return;
    }
  }

  #start(id: string, out: StreamEvent[]): void {
    if (this.#started) return;
    this.#started = true;
    out.push({ type: "start", id, model: this.#context.model, created: this.#context.now });
  }

  #content(index: number, content: JsonObject, doc: JsonObject, out: StreamEvent[]): void {
    this.#start("", out);
    const thinking = content.type === "thinking" || typeof content.thinking === "string";
    const kind = thinking ? "thinking" : "text";
    let block = this.#blocks.get(index);
    if (block === undefined) {
      if (this.#blocks.size >= MAX_PARTS) return;
      this.#endPlan(out);
      block = { part: this.#next++, kind };
      this.#blocks.set(index, block);
      out.push({ type: "part", c: 0, i: block.part, kind });
    }
    const text = stringOf(thinking ? content.thinking : content.text) ?? "";
    if (text !== "")
      out.push(
        block.kind === "thinking"
          ? { type: "think", c: 0, i: block.part, text }
          : { type: "text", c: 0, i: block.part, text },
      );
    const logprobs = doc.logprobs === undefined ? null : decodeLogprobs(doc.logprobs);
    if (logprobs !== null) out.push({ type: "logprobs", c: 0, i: block.part, raw: logprobs });
  }

  #endBlock(index: number, out: StreamEvent[]): void {
    const block = this.#blocks.get(index);
    // Citations of a text may come behind its end: such a block is closed when the next part begins.
    if (block?.kind === "thinking") out.push({ type: "close", c: 0, i: block.part });
  }

  #toolPlan(text: string, out: StreamEvent[]): void {
    if (text === "") return;
    this.#start("", out);
    if (this.#plan < 0) {
      this.#plan = this.#next++;
      out.push({ type: "part", c: 0, i: this.#plan, kind: "thinking" });
    }
    out.push({ type: "think", c: 0, i: this.#plan, text });
  }

  #endPlan(out: StreamEvent[]): void {
    if (this.#plan < 0) return;
    out.push({ type: "close", c: 0, i: this.#plan });
    this.#plan = -1;
  }

  /** `tool_calls` is one object here, not a list; a list of one is taken too. */
  #call(begins: boolean, index: number, message: JsonObject, out: StreamEvent[]): void {
    this.#start("", out);
    const call =
      objectOf(Array.isArray(message.tool_calls) ? message.tool_calls[0] : message.tool_calls) ?? {};
    const fn = objectOf(call.function) ?? {};
    let part = this.#calls.get(index);
    if (part === undefined || (begins && typeof call.id === "string")) {
      if (this.#calls.size >= MAX_PARTS) return;
      this.#endPlan(out);
      part = this.#next++;
      this.#calls.set(index, part);
      out.push({
        type: "part",
        c: 0,
        i: part,
        kind: "call",
        id: stringOf(call.id) ?? "",
        name: stringOf(fn.name) ?? "",
        custom: false,
      });
    }
    const text = stringOf(fn.arguments) ?? "";
    if (text !== "") out.push({ type: "arguments", c: 0, i: part, text });
  }

  #endCall(index: number, out: StreamEvent[]): void {
    const part = this.#calls.get(index);
    if (part !== undefined) out.push({ type: "close", c: 0, i: part });
  }

  #cite(value: unknown, out: StreamEvent[]): void {
    const { contentIndex, citations } = decodeCitation(Array.isArray(value) ? value[0] : value);
    const block = this.#blocks.get(contentIndex);
    // A block that another part followed is shown already; its late citations have no place.
    if (block?.kind !== "text" || block.part !== this.#next - 1) return;
    for (const citation of citations) out.push({ type: "cite", c: 0, i: block.part, citation });
  }

  #end(delta: JsonObject, out: StreamEvent[]): void {
    this.#start("", out);
    const stop = decodeFinish(
      stringOf(delta.finish_reason) ?? "",
      stringOf(delta.error) ?? "",
      this.#calls.size > 0,
    );
    const usage = decodeUsage(delta.usage);
    if (usage !== null) out.push({ type: "usage", usage });
    if (stop.reason === "failed") {
      this.#over = "failed";
      out.push({ type: "error", error: streamError(stop.detail ?? "", stop.category ?? "") });
      return;
    }
    this.#endPlan(out);
    for (const block of this.#blocks.values()) {
      if (block.kind === "text") out.push({ type: "close", c: 0, i: block.part });
    }
    this.#over = "stopped";
    out.push({ type: "stop", c: 0, stop });
  }

  finish(out: StreamEvent[]): void {
    if (this.#over === "failed") return;
    out.push(this.#over === "stopped" ? { type: "end" } : { type: "error", error: truncated() });
    this.#over = "failed";
  }
}
