/** Reads Cohere v1's stream: one JSON object a line, the last of which repeats the whole answer. */
import { isObject, type JsonObject, listOf, numberOf, objectOf, stringOf } from "../json-value.ts";
import type { StreamEvent } from "../neutral.ts";
import type { ConvertContext, StreamDecoder } from "../protocol.ts";
import { decodeCitationV1, documentsById } from "./citations.ts";
import { streamError, truncated } from "./errors.ts";
import { decodeFinish, decodeUsage } from "./types.ts";
import { argumentsOfCalls } from "./v1-raw-parameters.ts";

/** Calls and citations an answer may have; more are ignored. */
const MAX_PARTS = 4096;

export function createDecoder(context: ConvertContext): StreamDecoder {
  return new CohereV1Decoder(context);
}

class CohereV1Decoder implements StreamDecoder {
  readonly #context: ConvertContext;
  #started = false;
  #over: "" | "stopped" | "failed" = "";
  #next = 0;
  #open = -1;
  #openKind: "text" | "thinking" = "text";
  #textPart = -1;
  /** Calls by the index that `tool-calls-chunk` gives them. */
  readonly #calls = new Map<number, number>();
  #hasCalls = false;
  readonly #citations: unknown[] = [];

  constructor(context: ConvertContext) {
    this.#context = context;
  }

  decode(data: string, _event: string, out: StreamEvent[]): void {
    if (this.#over !== "") return;
    let doc: unknown;
    try {
      doc = JSON.parse(data);
    } catch {
      // One bad line in a stream that goes on is skipped.
      return;
    }
    if (!isObject(doc)) return;
    if (doc.event_type === undefined && typeof doc.message === "string") {
      this.#over = "failed";
      out.push({ type: "error", error: streamError(doc.message, "") });
      return;
    }
    switch (doc.event_type) {
      case "stream-start":
        this.#start(stringOf(doc.generation_id) ?? "", out);
        return;
      case "text-generation":
        this.#text("text", stringOf(doc.text) ?? "", out);
        return;
      case "tool-calls-chunk":
        this.#chunk(doc, out);
        return;
      case "tool-calls-generation":
        this.#wholeCalls(doc, data, out);
        return;
      case "citation-generation":
        for (const citation of listOf(doc.citations)) {
          if (this.#citations.length < MAX_PARTS) this.#citations.push(citation);
        }
        return;
      case "stream-end":
        this.#end(doc, data, out);
        return;
    }
  }

  #start(id: string, out: StreamEvent[]): void {
    if (this.#started) return;
    this.#started = true;
    out.push({ type: "start", id, model: this.#context.model, created: this.#context.now });
  }

  #text(kind: "text" | "thinking", text: string, out: StreamEvent[]): void {
    this.#start("", out);
    if (text === "") return;
    if (this.#open < 0 || this.#openKind !== kind) {
      this.#close(out);
      this.#open = this.#next++;
      this.#openKind = kind;
      if (kind === "text") this.#textPart = this.#open;
      out.push({ type: "part", c: 0, i: this.#open, kind });
    }
    out.push(
      kind === "text"
        ? { type: "text", c: 0, i: this.#open, text }
        : { type: "think", c: 0, i: this.#open, text },
    );
  }

  #close(out: StreamEvent[]): void {
    if (this.#open >= 0) out.push({ type: "close", c: 0, i: this.#open });
    this.#open = -1;
  }

  /** The plan comes as text, the calls' parameters as pieces of JSON. */
  #chunk(doc: JsonObject, out: StreamEvent[]): void {
    const delta = objectOf(doc.tool_call_delta) ?? {};
    const plan = stringOf(doc.text) ?? stringOf(delta.text);
    if (plan !== undefined) this.#text("thinking", plan, out);
    const name = stringOf(delta.name);
    const index = numberOf(delta.index) ?? 0;
    if (name !== undefined && this.#calls.size < MAX_PARTS) {
      this.#endCall(index, out);
      this.#calls.set(index, this.#openCall(name, out));
    }
    const part = this.#calls.get(index);
    const text = stringOf(delta.parameters);
    if (part !== undefined && text !== undefined && text !== "")
      out.push({ type: "arguments", c: 0, i: part, text });
  }

  #openCall(name: string, out: StreamEvent[]): number {
    this.#start("", out);
    this.#close(out);
    this.#hasCalls = true;
    const part = this.#next++;
    out.push({ type: "part", c: 0, i: part, kind: "call", id: "", name, custom: false });
    return part;
  }

  #endCall(index: number, out: StreamEvent[]): void {
    const part = this.#calls.get(index);
    if (part !== undefined) out.push({ type: "close", c: 0, i: part });
  }

  /** Repeats what the chunks brought; where none came it is the calls themselves. */
  #wholeCalls(doc: JsonObject, data: string, out: StreamEvent[]): void {
    if (this.#hasCalls) return;
    const texts = argumentsOfCalls(data);
    for (const [i, call] of listOf(doc.tool_calls).slice(0, MAX_PARTS).entries()) {
      if (!isObject(call)) continue;
      const part = this.#openCall(stringOf(call.name) ?? "", out);
      out.push({
        type: "arguments",
        c: 0,
        i: part,
        text: texts?.[i] ?? JSON.stringify(call.parameters ?? {}),
      });
      out.push({ type: "close", c: 0, i: part });
    }
  }

  #end(doc: JsonObject, data: string, out: StreamEvent[]): void {
    const response = objectOf(doc.response) ?? {};
    this.#start(stringOf(response.generation_id) ?? "", out);
    if (this.#next === 0) {
      if (listOf(response.tool_calls).length > 0) this.#wholeCalls(response, data, out);
      else this.#text("text", stringOf(response.text) ?? "", out);
    }
    for (const index of this.#calls.keys()) this.#endCall(index, out);
    this.#cite(response, out);
    this.#close(out);
    const usage = decodeUsage(response.meta);
    if (usage !== null) out.push({ type: "usage", usage });
    const word = stringOf(doc.finish_reason) ?? stringOf(response.finish_reason) ?? "";
    const stop = decodeFinish(word, stringOf(doc.error) ?? "", this.#hasCalls);
    if (stop.reason === "failed") {
      this.#over = "failed";
      out.push({ type: "error", error: streamError(stop.detail ?? "", stop.category ?? "") });
      return;
    }
    this.#over = "stopped";
    out.push({ type: "stop", c: 0, stop });
  }

  /** The documents that citations name are known only now. */
  #cite(response: JsonObject, out: StreamEvent[]): void {
    if (this.#open < 0 || this.#open !== this.#textPart) return;
    const citations = this.#citations.length > 0 ? this.#citations : listOf(response.citations);
    const documents = documentsById(listOf(response.documents));
    for (const value of citations) {
      for (const citation of decodeCitationV1(value, documents))
        out.push({ type: "cite", c: 0, i: this.#textPart, citation });
    }
  }

  finish(out: StreamEvent[]): void {
    if (this.#over === "failed") return;
    out.push(this.#over === "stopped" ? { type: "end" } : { type: "error", error: truncated() });
    this.#over = "failed";
  }
}
