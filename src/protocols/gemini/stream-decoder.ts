/** Reads Gemini's stream: every chunk is a partial answer, and only the end of the body ends it. */
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { isObject, type JsonObject, listOf, stringOf } from "../json-value.ts";
import type { Stop, StreamEvent, Usage } from "../neutral.ts";
import type { ConvertContext, StreamDecoder } from "../protocol.ts";
import { CandidateDecoder, type RawArguments } from "./candidate-decoder.ts";
import { readErrorObject } from "./errors.ts";
import { argumentsInOrder } from "./raw-arguments.ts";
import { decodeBlock, decodeUsage, integerOf } from "./types.ts";

/** Candidates a stream may have (Chat's `n` goes to 128, Gemini's `candidateCount` to 8). */
const MAX_CANDIDATES = 128;

export function createDecoder(context: ConvertContext): StreamDecoder {
  return new GeminiDecoder(context, false);
}

export class GeminiDecoder implements StreamDecoder {
  readonly #context: ConvertContext;
  readonly #whole: boolean;
  readonly #candidates: CandidateDecoder[] = [];
  #started = false;
  #failed = false;
  #usage: Usage | null = null;

  /** `whole`: one answer instead of a stream; its parts are counted, and it ends by itself. */
  constructor(context: ConvertContext, whole: boolean) {
    this.#context = context;
    this.#whole = whole;
  }

  decode(data: string, _event: string, out: StreamEvent[]): void {
    if (this.#failed) return;
    let doc: unknown;
    try {
      doc = JSON.parse(data);
    } catch {
      // One bad event in a stream that goes on is skipped (30-routing.md, What a failure means).
      return;
    }
    const raw = data.includes('"functionCall"') ? argumentsInOrder(data) : null;
    // The compat endpoint and servers without `alt=sse` wrap chunks in an array.
    for (const chunk of Array.isArray(doc) ? doc : [doc]) {
      if (isObject(chunk)) this.chunk(chunk, raw, out);
    }
  }

  /** One partial or whole answer, parsed. `raw`: its `args` texts as they came, where they are not in `large`. */
  chunk(chunk: JsonObject, raw: RawArguments, out: StreamEvent[]): void {
    if (this.#failed) return;
    const error = readErrorObject(chunk);
    if (error !== null) {
      this.#fail(error, out);
      return;
    }
    this.#start(chunk, out);
    const candidates = listOf(chunk.candidates).filter(isObject);
    for (const doc of candidates) this.#candidate(doc)?.content(doc, raw, out);
    if (candidates.length === 0) this.#block(chunk, out);
    const usage = decodeUsage(chunk.usageMetadata);
    if (usage !== null && !sameUsage(usage, this.#usage)) {
      this.#usage = usage;
      out.push({ type: "usage", usage });
    }
    for (const doc of candidates) {
      const stop = this.#candidate(doc)?.finish(doc, out) ?? null;
      if (stop !== null) this.#stop(integerOf(doc.index) ?? 0, stop, out);
    }
  }

  #start(chunk: JsonObject, out: StreamEvent[]): void {
    if (this.#started) return;
    this.#started = true;
    out.push({
      type: "start",
      id: stringOf(chunk.responseId) ?? "",
      model: stringOf(chunk.modelVersion) ?? this.#context.model,
      created: readTime(chunk.createTime) ?? this.#context.now,
    });
  }

  #candidate(doc: JsonObject): CandidateDecoder | null {
    // Protobuf's JSON leaves out a zero.
    const index = integerOf(doc.index) ?? 0;
    if (!Number.isInteger(index) || index < 0 || index >= MAX_CANDIDATES) return null;
    let candidate = this.#candidates[index];
    if (candidate === undefined) {
      candidate = new CandidateDecoder(index, this.#context.large, this.#whole);
      this.#candidates[index] = candidate;
    }
    return candidate;
  }

  #block(chunk: JsonObject, out: StreamEvent[]): void {
    const stop = decodeBlock(chunk.promptFeedback);
    const candidate = stop === null ? null : this.#candidate({});
    if (stop === null || candidate === null || candidate.stop !== null) return;
    candidate.refuse(stop, out);
    out.push({ type: "stop", c: 0, stop });
  }

  #stop(c: number, stop: Stop, out: StreamEvent[]): void {
    if (stop.reason !== "broken_call" && stop.reason !== "failed") {
      out.push({ type: "stop", c, stop });
      return;
    }
    // No client but Gemini's own has a word for it, and those read Gemini's stream as it is (case 60).
    const message = `the model's answer failed: ${stop.detail ?? stop.category ?? "no reason given"}`;
    this.#fail(failure(stop.category ?? "", message, true), out);
  }

  #fail(error: UpstreamErrorInfo, out: StreamEvent[]): void {
    if (this.#failed) return;
    this.#failed = true;
    out.push({ type: "error", error });
  }

  finish(out: StreamEvent[]): void {
    if (this.#failed) return;
    let complete = this.#candidates.length > 0;
    for (const candidate of this.#candidates) {
      if (candidate !== undefined && candidate.stop === null) complete = false;
    }
    if (!complete) {
      const message = "the upstream's stream ended before its answer was complete";
      this.#fail(failure("truncated", message, false), out);
      return;
    }
    this.#failed = true;
    out.push({ type: "end" });
  }
}

function failure(code: string, message: string, recognised: boolean): UpstreamErrorInfo {
  return { status: 502, code, message, param: null, retryAfterMs: null, recognised };
}

/** RFC 3339 as seconds since 1970; null when it is none. */
function readTime(value: unknown): number | null {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? null : Math.floor(time / 1000);
}

function sameUsage(a: Usage, b: Usage | null): boolean {
  return (
    b !== null &&
    a.input === b.input &&
    a.output === b.output &&
    a.cacheRead === b.cacheRead &&
    a.reasoning === b.reasoning
  );
}
