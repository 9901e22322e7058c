/** A whole answer as events and events as a whole answer, so that both ways of answering follow the same rules. */
import { Failure } from "../base/failure.ts";
import { EventOrder } from "./event-order.ts";
import type { ChatResponse, Part, Signature, StreamEvent, Usage } from "./neutral.ts";
import type { OrderOptions } from "./order-run.ts";
import type { AnswerContext } from "./protocol.ts";
import { mergeUsage } from "./usage.ts";

function partEvents(part: Part, c: number, i: number, out: StreamEvent[]): void {
  const sign = (signature: Signature | undefined) => {
    if (signature !== undefined) out.push({ type: "signature", c, i, signature });
  };
  switch (part.type) {
    case "text":
      out.push({ type: "part", c, i, kind: "text" });
      out.push({ type: "text", c, i, text: part.text });
      for (const citation of part.citations ?? []) out.push({ type: "cite", c, i, citation });
      sign(part.signature);
      break;
    case "thinking":
      out.push({ type: "part", c, i, kind: "thinking" });
      if (part.text !== "") out.push({ type: "think", c, i, text: part.text });
      sign(part.signature);
      break;
    case "refusal":
      out.push({ type: "part", c, i, kind: "refusal" });
      out.push({ type: "refusal", c, i, text: part.text });
      break;
    case "call":
      out.push({
        type: "part",
        c,
        i,
        kind: "call",
        id: part.id,
        name: part.name,
        custom: part.kind === "custom",
        ...(part.namespace === undefined ? {} : { namespace: part.namespace }),
        ...(part.signature === undefined ? {} : { signature: part.signature }),
      });
      out.push({ type: "arguments", c, i, text: part.arguments });
      break;
    case "image":
      if (part.source.kind !== "base64") return;
      out.push({ type: "part", c, i, kind: "image", mime: part.source.mime, data: part.source.data });
      break;
    case "opaque":
      out.push({ type: "part", c, i, kind: "opaque", vendor: part.vendor, raw: part.raw });
      break;
    default:
      return; // An answer holds no documents, results or videos.
  }
  out.push({ type: "close", c, i });
}

/** The events a stream with this answer would have had, `end` included. */
export function responseEvents(response: ChatResponse): StreamEvent[] {
  const out: StreamEvent[] = [
    { type: "start", id: response.id, model: response.model, created: response.created },
  ];
  response.candidates.forEach((candidate, c) => {
    candidate.parts.forEach((part, i) => {
      partEvents(part, c, i, out);
    });
    if (candidate.logprobs !== undefined) out.push({ type: "logprobs", c, i: 0, raw: candidate.logprobs });
    out.push({ type: "stop", c, stop: candidate.stop });
  });
  if (response.usage !== null) out.push({ type: "usage", usage: response.usage });
  out.push({ type: "end" });
  return out;
}

interface Growing {
  parts: Part[];
  byIndex: Map<number, Part>;
  stop: ChatResponse["candidates"][number]["stop"] | null;
  logprobs: string[];
}

/** Collects the events of a stream into a whole answer. */
export class AnswerAssembler {
  #id = "";
  #model = "";
  #created = 0;
  #usage: Usage | null = null;
  #candidates: Growing[] = [];
  #error: Failure | null = null;

  push(event: StreamEvent): void {
    switch (event.type) {
      case "start":
        this.#id = event.id;
        this.#model = event.model;
        this.#created = event.created;
        return;
      case "usage":
        this.#usage = mergeUsage(this.#usage, event.usage);
        return;
      case "error":
        this.#error = new Failure("upstream", event.error.message, {
          code: event.error.code === "" ? "upstream_error" : event.error.code,
        });
        return;
      case "ping":
      case "end":
        return;
      default:
        this.#pushPart(event);
    }
  }

  /** The answer. Throws the Failure of an error event. */
  result(): ChatResponse {
    if (this.#error !== null) throw this.#error;
    return {
      id: this.#id,
      model: this.#model,
      created: this.#created,
      candidates: this.#candidates.map((candidate) => ({
        parts: candidate.parts,
        stop: candidate.stop ?? { reason: "stop" },
        ...(candidate.logprobs.length === 0 ? {} : { logprobs: mergeLogprobs(candidate.logprobs) }),
      })),
      usage: this.#usage,
    };
  }

  #pushPart(event: Extract<StreamEvent, { c: number }>): void {
    while (this.#candidates.length <= event.c) {
      this.#candidates.push({ parts: [], byIndex: new Map(), stop: null, logprobs: [] });
    }
    const candidate = this.#candidates[event.c];
    if (candidate === undefined) return;
    if (event.type === "stop") {
      candidate.stop = event.stop;
    } else if (event.type === "logprobs") {
      candidate.logprobs.push(event.raw);
    } else if (event.type === "part") {
      const part = newPart(event);
      candidate.parts.push(part);
      candidate.byIndex.set(event.i, part);
    } else {
      const part = candidate.byIndex.get(event.i);
      if (part !== undefined) growPart(part, event);
    }
  }
}

function newPart(event: Extract<StreamEvent, { type: "part" }>): Part {
  switch (event.kind) {
    case "call":
      return {
        type: "call",
        id: event.id,
        name: event.name,
        arguments: "",
        kind: event.custom ? "custom" : "function",
        ...(event.namespace === undefined ? {} : { namespace: event.namespace }),
        ...(event.signature === undefined ? {} : { signature: event.signature }),
      };
    case "image":
      return { type: "image", source: { kind: "base64", mime: event.mime, data: event.data } };
    case "opaque":
      return { type: "opaque", vendor: event.vendor, raw: event.raw };
    default:
      return { type: event.kind, text: "" };
  }
}

function growPart(
  part: Part,
  event: Exclude<Extract<StreamEvent, { c: number }>, { type: "part" | "stop" }>,
): void {
  switch (event.type) {
    case "text":
    case "think":
    case "refusal":
      if (part.type === "text" || part.type === "thinking" || part.type === "refusal")
        part.text += event.text;
      return;
    case "arguments":
      if (part.type === "call") part.arguments += event.text;
      return;
    case "signature":
      if (part.type === "text" || part.type === "thinking" || part.type === "call")
        part.signature = event.signature;
      return;
    case "cite":
      if (part.type === "text") {
        part.citations ??= [];
        part.citations.push(event.citation);
      }
      return;
    default:
      return;
  }
}

/** Chat's `logprobs` objects of all chunks as one. */
function mergeLogprobs(raws: readonly string[]): string {
  if (raws.length === 1) return raws[0] ?? "null";
  const content: unknown[] = [];
  for (const raw of raws) {
    try {
      const value: unknown = JSON.parse(raw);
      const list =
        typeof value === "object" && value !== null ? (value as { content?: unknown }).content : null;
      if (Array.isArray(list)) for (const item of list) content.push(item);
    } catch {
      // A decoder passes only what it parsed; anything else has nothing to show.
    }
  }
  return JSON.stringify({ content, refusal: null });
}

/**
 * The answer as the caller's protocol may show it: names, ids and tool shapes restored, parts in order, stop reasons
 * settled. Throws a Failure (502) for a broken call where `options` say so.
 */
export function settleResponse(
  response: ChatResponse,
  context: AnswerContext,
  options: OrderOptions,
): ChatResponse {
  const order = new EventOrder(context, options);
  const assembler = new AnswerAssembler();
  const settled: StreamEvent[] = [];
  for (const event of responseEvents(response)) order.push(event, settled);
  for (const event of settled) assembler.push(event);
  return assembler.result();
}
