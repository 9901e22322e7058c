/** Ollama streams: one JSON object a line, read and written. */
import type { Failure } from "../../base/failure.ts";
import { ANY_IDS } from "../call-ids.ts";
import { EventOrder } from "../event-order.ts";
import { type JsonObject, objectOf, stringOf } from "../json-value.ts";
import type { Stop, StreamEvent, Usage } from "../neutral.ts";
import type {
  AnswerContext,
  ConvertContext,
  StreamDecoder,
  StreamEncoder,
  StreamPosition,
} from "../protocol.ts";
import { mergeUsage } from "../usage.ts";
import { AnswerLines } from "./answer-lines.ts";
import { readCalls } from "./message-decoder.ts";
import { decodeDate, decodeStop, decodeUsage } from "./types.ts";

export function createDecoder(context: ConvertContext): StreamDecoder {
  return new OllamaDecoder(context);
}

export function createEncoder(context: AnswerContext, resume?: StreamPosition): StreamEncoder {
  return new OllamaEncoder(context, resume);
}

class OllamaDecoder implements StreamDecoder {
  readonly #context: ConvertContext;
  #started = false;
  #over = false;
  #hasCalls = false;
  #next = 0;
  #open: { readonly i: number; readonly kind: "text" | "thinking" } | null = null;

  constructor(context: ConvertContext) {
    this.#context = context;
  }

  decode(data: string, _event: string, out: StreamEvent[]): void {
    if (this.#over) return;
    let line: JsonObject | undefined;
    try {
      line = objectOf(JSON.parse(data));
    } catch {
      line = undefined; // One bad line in a stream that goes on is skipped (30-routing.md).
    }
    if (line !== undefined) this.#line(line, out);
  }

  finish(out: StreamEvent[]): void {
    if (!this.#over) this.#fail("truncated", "the stream ended before the answer was complete", out);
  }

  #fail(code: string, message: string, out: StreamEvent[]): void {
    this.#over = true;
    const status = code === "truncated" ? 0 : 500;
    out.push({
      type: "error",
      error: { status, code, message, param: null, retryAfterMs: null, recognised: true },
    });
  }

  #line(line: JsonObject, out: StreamEvent[]): void {
    const error = line["error"];
    if (error !== undefined) {
      this.#fail("", stringOf(error) ?? stringOf(objectOf(error)?.["message"]) ?? "the upstream failed", out);
      return;
    }
    if (!this.#started) {
      this.#started = true;
      out.push({
        type: "start",
        id: "",
        model: stringOf(line["model"]) ?? this.#context.model,
        created: decodeDate(line["created_at"]) ?? this.#context.now,
      });
    }
    const message = objectOf(line["message"]) ?? line;
    this.#text("thinking", stringOf(message["thinking"]), out);
    this.#text("text", stringOf(message["content"]) ?? stringOf(line["response"]), out);
    for (const call of readCalls(message, (value) => (value === undefined ? "" : JSON.stringify(value)))) {
      this.#close(out);
      this.#hasCalls = true;
      const i = this.#next++;
      out.push({ type: "part", c: 0, i, kind: "call", id: call.id, name: call.name, custom: false });
      out.push({ type: "arguments", c: 0, i, text: call.arguments });
      out.push({ type: "close", c: 0, i });
    }
    if (line["done"] === true) this.#done(line, out);
  }

  #text(kind: "text" | "thinking", text: string | undefined, out: StreamEvent[]): void {
    if (text === undefined || text === "") return;
    if (this.#open?.kind !== kind) {
      this.#close(out);
      this.#open = { i: this.#next++, kind };
      out.push({ type: "part", c: 0, i: this.#open.i, kind });
    }
    out.push({ type: kind === "text" ? "text" : "think", c: 0, i: this.#open.i, text });
  }

  #close(out: StreamEvent[]): void {
    if (this.#open !== null) out.push({ type: "close", c: 0, i: this.#open.i });
    this.#open = null;
  }

  #done(line: JsonObject, out: StreamEvent[]): void {
    this.#over = true;
    this.#close(out);
    const usage = decodeUsage(line);
    if (usage !== null) out.push({ type: "usage", usage });
    out.push({ type: "stop", c: 0, stop: decodeStop(line["done_reason"], this.#hasCalls) });
    out.push({ type: "end" });
  }
}

class OllamaEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #order: EventOrder;
  readonly #due: StreamEvent[] = [];
  #lines: AnswerLines;
  #call: { readonly name: string; readonly custom: boolean; text: string } | null = null;
  #shown = false;
  #usage: Usage | null = null;
  #stop: Stop | null = null;
  #over = false;

  constructor(context: AnswerContext, resume?: StreamPosition) {
    this.#context = context;
    this.#order = new EventOrder(context, { ids: ANY_IDS, broken: "fail" }, resume);
    this.#lines = new AnswerLines(context, resume?.model ?? "", resume?.created ?? 0);
  }

  encode(event: StreamEvent): string {
    this.#order.push(event, this.#due);
    let text = "";
    for (const due of this.#due) {
      const line = this.#over ? "" : this.#write(due);
      if (line !== "") text += `${line}\n`;
    }
    this.#due.length = 0;
    return text;
  }

  /** White space before the next line: an empty line or a comment would break parsers. */
  ping(): string {
    return this.#over ? "" : " ";
  }

  fail(failure: Failure): string {
    if (this.#over) return "";
    this.#over = true;
    return `${JSON.stringify({ error: failure.message })}\n`;
  }

  #write(event: StreamEvent): string {
    switch (event.type) {
      case "start":
        this.#lines = new AnswerLines(this.#context, event.model, event.created);
        return "";
      case "part":
        if (event.c === 0) this.#openPart(event);
        return "";
      case "text":
      case "refusal":
        return event.c === 0 ? this.#show({ text: event.text }) : "";
      case "think":
        return event.c === 0 ? this.#show({ text: "", thinking: event.text }) : "";
      case "arguments":
        if (event.c === 0 && this.#call !== null) this.#call.text += event.text;
        return "";
      case "close":
        return event.c === 0 ? this.#closeCall() : "";
      case "usage":
        this.#usage = mergeUsage(this.#usage, event.usage);
        return "";
      case "stop":
        if (event.c === 0) this.#stop = event.stop;
        return "";
      case "error":
        this.#over = true;
        return JSON.stringify({ error: event.error.message });
      case "end":
        return this.#end();
      default:
        return "";
    }
  }

  #show(content: { text: string; thinking?: string; calls?: object[] }): string {
    this.#shown = true;
    return this.#lines.line(content);
  }

  #openPart(event: Extract<StreamEvent, { type: "part" }>): void {
    if (event.kind === "call") this.#call = { name: event.name, custom: event.custom, text: "" };
    else if (event.kind === "image") this.#context.warn("image_dropped", "output");
  }

  /** A call comes whole in one line. */
  #closeCall(): string {
    const call = this.#call;
    this.#call = null;
    if (call === null) return "";
    const shown = this.#lines.call(call.name, call.custom, call.text);
    return shown === null ? "" : this.#show({ text: "", calls: [shown] });
  }

  #end(): string {
    this.#over = true;
    const stop = this.#stop ?? { reason: "stop" };
    const detail = !this.#shown && stop.reason === "filtered" ? (stop.detail ?? "") : "";
    return this.#lines.last(stop, this.#usage, { text: detail });
  }
}
