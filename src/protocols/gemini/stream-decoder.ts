/** Reads Gemini's stream: every chunk is a partial answer, and only the end of the body ends it. */

import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { countCharacters } from "../characters.ts";
import { isObject, type JsonObject, listOf, objectOf, stringOf } from "../json-value.ts";
import type { Signature, Stop, StreamEvent, Usage } from "../neutral.ts";
import type { ConvertContext, StreamDecoder } from "../protocol.ts";
import { decodeGrounding, type TextSegment } from "./citations.ts";
import { readErrorObject } from "./errors.ts";
import { decodeLogprobs } from "./logprobs.ts";
import { PartialArguments } from "./partial-arguments.ts";
import { argumentsInOrder } from "./raw-arguments.ts";
import { decodeBlock, decodeFinish, decodeUsage, integerOf } from "./types.ts";

/** Candidates a stream may have (Chat's `n` goes to 128, Gemini's `candidateCount` to 8). */
const MAX_CANDIDATES = 128;
/** Text remembered per stream to place citations, which come as byte offsets at the end. */
const MAX_CITED_CHARS = 256 * 1024;

interface Candidate {
  readonly index: number;
  /** The part that takes more deltas; -1 between parts. */
  open: number;
  openKind: "text" | "thinking";
  next: number;
  /** Index of the vendor's part being read; a stream's text counts as one. */
  source: number;
  hasCalls: boolean;
  hasContent: boolean;
  stop: Stop | null;
  segments: TextSegment[];
  /** A call whose arguments come under JSON paths (Vertex). */
  partial: { readonly index: number; readonly builder: PartialArguments } | null;
}

export function createDecoder(context: ConvertContext): StreamDecoder {
  return new GeminiDecoder(context, false);
}

export class GeminiDecoder implements StreamDecoder {
  readonly #context: ConvertContext;
  /** One whole answer instead of a stream: its parts are counted, and it ends by itself. */
  readonly #whole: boolean;
  readonly #candidates: Candidate[] = [];
  #started = false;
  #failed = false;
  #citedChars = 0;
  #usage: Usage | null = null;

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
  chunk(chunk: JsonObject, raw: Iterator<string> | null, out: StreamEvent[]): void {
    if (this.#failed) return;
    const error = readErrorObject(chunk);
    if (error !== null) {
      this.#failed = true;
      out.push({ type: "error", error });
      return;
    }
    if (!this.#started) {
      this.#started = true;
      out.push({
        type: "start",
        id: stringOf(chunk.responseId) ?? "",
        model: stringOf(chunk.modelVersion) ?? this.#context.model,
        created: readTime(chunk.createTime) ?? this.#context.now,
      });
    }
    const candidates = listOf(chunk.candidates);
    for (const candidate of candidates) {
      if (isObject(candidate)) this.#content(candidate, raw, out);
    }
    const blocked = candidates.length === 0 ? decodeBlock(chunk.promptFeedback) : null;
    if (blocked !== null) this.#block(blocked, out);
    const usage = decodeUsage(chunk.usageMetadata);
    if (usage !== null && !sameUsage(usage, this.#usage)) {
      this.#usage = usage;
      out.push({ type: "usage", usage });
    }
    for (const candidate of candidates) {
      if (isObject(candidate)) this.#finishCandidate(candidate, out);
    }
  }

  #candidate(doc: JsonObject): Candidate | null {
    // Protobuf's JSON leaves out a zero.
    const index = integerOf(doc.index) ?? 0;
    if (index < 0 || index >= MAX_CANDIDATES) return null;
    let candidate = this.#candidates[index];
    if (candidate === undefined) {
      candidate = {
        index,
        open: -1,
        openKind: "text",
        next: 0,
        source: 0,
        hasCalls: false,
        hasContent: false,
        stop: null,
        segments: [],
        partial: null,
      };
      this.#candidates[index] = candidate;
    }
    return candidate;
  }

  #content(doc: JsonObject, raw: Iterator<string> | null, out: StreamEvent[]): void {
    const candidate = this.#candidate(doc);
    if (candidate === null || candidate.stop !== null) return;
    const parts = listOf(objectOf(doc.content)?.parts);
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      candidate.source = this.#whole ? i : 0;
      if (isObject(part)) this.#part(candidate, part, raw, out);
    }
    const logprobs = decodeLogprobs(doc.logprobsResult);
    if (logprobs !== null)
      out.push({ type: "logprobs", c: candidate.index, i: Math.max(0, candidate.open), raw: logprobs });
    if (isObject(doc.groundingMetadata)) {
      for (const { part, citation } of decodeGrounding(doc.groundingMetadata, candidate.segments))
        out.push({ type: "cite", c: candidate.index, i: part, citation });
    }
  }

  #part(candidate: Candidate, part: JsonObject, raw: Iterator<string> | null, out: StreamEvent[]): void {
    const signature = readSignature(part.thoughtSignature);
    if (isObject(part.functionCall)) {
      this.#call(candidate, part.functionCall, signature, raw, out);
    } else if (typeof part.text === "string") {
      this.#text(candidate, part.text, part.thought === true, signature, out);
    } else if (isObject(part.inlineData)) {
      this.#inlineData(candidate, part, part.inlineData, out);
    } else if (signature !== undefined && Object.keys(part).length === 1) {
      this.#text(candidate, "", false, signature, out);
    } else if (Object.keys(part).length > 0) {
      const i = this.#openNext(candidate, out);
      out.push({
        type: "part",
        c: candidate.index,
        i,
        kind: "opaque",
        vendor: "google",
        raw: JSON.stringify(part),
      });
      out.push({ type: "close", c: candidate.index, i });
    }
  }

  #text(
    candidate: Candidate,
    text: string,
    thought: boolean,
    signature: Signature | undefined,
    out: StreamEvent[],
  ): void {
    if (text === "" && signature === undefined) return;
    const c = candidate.index;
    const kind = thought ? "thinking" : "text";
    // A signature on an empty part belongs to the text before it, whichever kind that is.
    const belongs = candidate.open >= 0 && (text === "" || candidate.openKind === kind);
    if (!belongs) {
      const i = this.#openNext(candidate, out);
      candidate.open = i;
      candidate.openKind = kind;
      out.push({ type: "part", c, i, kind });
    }
    const i = candidate.open;
    if (text !== "") {
      candidate.hasContent = true;
      out.push(thought ? { type: "think", c, i, text } : { type: "text", c, i, text });
      if (!thought) this.#remember(candidate, i, text);
    }
    if (signature !== undefined) out.push({ type: "signature", c, i, signature });
  }

  /** Keeps the text for citations; past the bound they are given up. */
  #remember(candidate: Candidate, part: number, text: string): void {
    this.#citedChars += text.length;
    if (this.#citedChars > MAX_CITED_CHARS) {
      for (const each of this.#candidates) {
        if (each !== undefined) each.segments = [];
      }
      return;
    }
    const last = candidate.segments[candidate.segments.length - 1];
    candidate.segments.push({
      partIndex: candidate.source,
      bytesBefore:
        last === undefined || last.partIndex !== candidate.source
          ? 0
          : last.bytesBefore + Buffer.byteLength(last.text),
      text,
      part,
      charsBefore:
        last === undefined || last.part !== part ? 0 : last.charsBefore + countCharacters(last.text),
    });
  }

  #call(
    candidate: Candidate,
    call: JsonObject,
    signature: Signature | undefined,
    raw: Iterator<string> | null,
    out: StreamEvent[],
  ): void {
    const c = candidate.index;
    const text = Object.hasOwn(call, "args") ? this.#originalText(call.args, raw) : undefined;
    if (candidate.partial !== null && (call.name === undefined || call.name === "")) {
      candidate.partial.builder.add(call.partialArgs);
      if (call.willContinue !== true) this.#endPartial(candidate, out);
      return;
    }
    this.#endPartial(candidate, out);
    const i = this.#openNext(candidate, out);
    candidate.hasCalls = true;
    candidate.hasContent = true;
    const event: StreamEvent = {
      type: "part",
      c,
      i,
      kind: "call",
      id: stringOf(call.id) ?? "",
      name: stringOf(call.name) ?? "",
      custom: false,
    };
    if (signature !== undefined) event.signature = signature;
    out.push(event);
    if (call.willContinue === true || call.partialArgs !== undefined) {
      candidate.partial = { index: i, builder: new PartialArguments() };
      candidate.partial.builder.add(call.partialArgs);
      if (call.willContinue !== true) this.#endPartial(candidate, out);
      return;
    }
    out.push({ type: "arguments", c, i, text: text ?? "{}" });
    out.push({ type: "close", c, i });
  }

  /** The next text of the chunk, when it is this value's: a call that was skipped must not shift the others. */
  #originalText(args: unknown, raw: Iterator<string> | null): string {
    const parsed = this.#context.large.jsonText(args);
    if (raw === null) return parsed;
    for (let next = raw.next(); next.done !== true; next = raw.next()) {
      if (JSON.stringify(JSON.parse(next.value)) === parsed) return next.value;
    }
    return parsed;
  }

  #endPartial(candidate: Candidate, out: StreamEvent[]): void {
    const partial = candidate.partial;
    if (partial === null) return;
    candidate.partial = null;
    out.push({ type: "arguments", c: candidate.index, i: partial.index, text: partial.builder.text() });
    out.push({ type: "close", c: candidate.index, i: partial.index });
  }

  #inlineData(candidate: Candidate, part: JsonObject, blob: JsonObject, out: StreamEvent[]): void {
    const mime = stringOf(blob.mimeType) ?? "";
    const data = stringOf(blob.data) ?? "";
    const c = candidate.index;
    const i = this.#openNext(candidate, out);
    candidate.hasContent = true;
    out.push(
      mime.startsWith("image/")
        ? { type: "part", c, i, kind: "image", mime, data }
        : { type: "part", c, i, kind: "opaque", vendor: "google", raw: JSON.stringify(part) },
    );
    out.push({ type: "close", c, i });
  }

  /** Closes the open part and gives out the next index. */
  #openNext(candidate: Candidate, out: StreamEvent[]): number {
    this.#close(candidate, out);
    return candidate.next++;
  }

  #close(candidate: Candidate, out: StreamEvent[]): void {
    if (candidate.open < 0) return;
    out.push({ type: "close", c: candidate.index, i: candidate.open });
    candidate.open = -1;
  }

  #block(stop: Stop, out: StreamEvent[]): void {
    const candidate = this.#candidate({});
    if (candidate === null || candidate.stop !== null) return;
    const i = this.#openNext(candidate, out);
    out.push({ type: "part", c: 0, i, kind: "refusal" });
    out.push({ type: "refusal", c: 0, i, text: stop.detail ?? "" });
    out.push({ type: "close", c: 0, i });
    candidate.stop = stop;
    out.push({ type: "stop", c: 0, stop });
  }

  #finishCandidate(doc: JsonObject, out: StreamEvent[]): void {
    let word = stringOf(doc.finishReason) ?? "";
    // A whole answer is whole whether it says so or not.
    if (word === "" && this.#whole) word = "STOP";
    if (word === "" || word === "FINISH_REASON_UNSPECIFIED") return;
    const candidate = this.#candidate(doc);
    if (candidate === null || candidate.stop !== null) return;
    this.#endPartial(candidate, out);
    this.#close(candidate, out);
    candidate.stop = decodeFinish(word, stringOf(doc.finishMessage) ?? "", candidate);
    const { reason, detail } = candidate.stop;
    if (reason === "broken_call" || reason === "failed") {
      // No client but Gemini's own has a word for it, and those read Gemini's stream as it is (case 60).
      this.#failed = true;
      out.push({ type: "error", error: failedAnswer(word, detail ?? word) });
      return;
    }
    out.push({ type: "stop", c: candidate.index, stop: candidate.stop });
  }

  finish(out: StreamEvent[]): void {
    if (this.#failed) return;
    this.#failed = true;
    let complete = this.#candidates.length > 0;
    for (const candidate of this.#candidates) {
      if (candidate !== undefined && candidate.stop === null) complete = false;
    }
    if (complete) {
      out.push({ type: "end" });
      return;
    }
    out.push({
      type: "error",
      error: {
        status: 502,
        code: "truncated",
        message: "the upstream's stream ended before its answer was complete",
        param: null,
        retryAfterMs: null,
        recognised: false,
      },
    });
  }
}

function readSignature(value: unknown): Signature | undefined {
  return typeof value === "string" && value !== "" ? { vendor: "google", value } : undefined;
}

function failedAnswer(word: string, detail: string): UpstreamErrorInfo {
  const message =
    detail === word ? `the model's answer failed: ${word}` : `the model's answer failed: ${detail}`;
  return {
    status: 502,
    code: word.toLowerCase(),
    message,
    param: null,
    retryAfterMs: null,
    recognised: true,
  };
}

/** RFC 3339 as seconds since 1970; null when it is none. */
export function readTime(value: unknown): number | null {
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
