/** Reads the parts of one candidate of a Gemini answer into neutral events. */
import { countCharacters } from "../characters.ts";
import { isObject, type JsonObject, listOf, objectOf, stringOf } from "../json-value.ts";
import type { Signature, Stop, StreamEvent } from "../neutral.ts";
import type { LargeStrings } from "../protocol.ts";
import { decodeGrounding, PlacingBudget, type TextSegment } from "./citations.ts";
import { decodeLogprobs } from "./logprobs.ts";
import { PartialArguments } from "./partial-arguments.ts";
import { decodeFinish } from "./types.ts";

/** Text remembered of a candidate to place citations, which come as byte offsets at the end. */
const MAX_CITED_CHARS = 256 * 1024;

/** Texts of a chunk's `args` members as they came, in their order; null = read them through `LargeStrings`. */
export type RawArguments = Iterator<string> | null;

export class CandidateDecoder {
  stop: Stop | null = null;
  readonly #c: number;
  readonly #large: LargeStrings;
  /** One whole answer instead of a stream, whose text counts as one part. */
  readonly #whole: boolean;
  /** The part that takes more deltas; -1 between parts. */
  #open = -1;
  #openKind: "text" | "thinking" = "text";
  #next = 0;
  /** Index of the vendor's part being read. */
  #source = 0;
  #hasCalls = false;
  #hasContent = false;
  #segments: TextSegment[] = [];
  #citedChars = 0;
  readonly #placing = new PlacingBudget();
  /** A call whose arguments come under JSON paths (Vertex). */
  #partial: { readonly index: number; readonly builder: PartialArguments } | null = null;

  constructor(index: number, large: LargeStrings, whole: boolean) {
    this.#c = index;
    this.#large = large;
    this.#whole = whole;
  }

  /** Content, log probabilities and grounding of one chunk's candidate. */
  content(doc: JsonObject, raw: RawArguments, out: StreamEvent[]): void {
    if (this.stop !== null) return;
    const parts = listOf(objectOf(doc.content)?.parts);
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      this.#source = this.#whole ? i : 0;
      if (isObject(part)) this.#part(part, raw, out);
    }
    const logprobs = decodeLogprobs(doc.logprobsResult);
    if (logprobs !== null)
      out.push({ type: "logprobs", c: this.#c, i: Math.max(0, this.#open), raw: logprobs });
    if (isObject(doc.groundingMetadata)) {
      for (const { part, citation } of decodeGrounding(doc.groundingMetadata, this.#segments, this.#placing))
        out.push({ type: "cite", c: this.#c, i: part, citation });
    }
  }

  /** The finish reason of one chunk's candidate, when it has one: closes what is open and gives the stop. */
  finish(doc: JsonObject, out: StreamEvent[]): Stop | null {
    let word = stringOf(doc.finishReason) ?? "";
    // A whole answer is whole whether it says so or not.
    if (word === "" && this.#whole) word = "STOP";
    if (word === "" || word === "FINISH_REASON_UNSPECIFIED" || this.stop !== null) return null;
    this.#endPartial(out);
    this.#close(out);
    const facts = { hasCalls: this.#hasCalls, hasContent: this.#hasContent };
    this.stop = decodeFinish(word, stringOf(doc.finishMessage) ?? "", facts);
    return this.stop;
  }

  /** The prompt was blocked: the reason in words instead of an answer. */
  refuse(stop: Stop, out: StreamEvent[]): void {
    if (this.stop !== null) return;
    this.stop = stop;
    const i = this.#openNext(out);
    out.push({ type: "part", c: this.#c, i, kind: "refusal" });
    out.push({ type: "refusal", c: this.#c, i, text: stop.detail ?? "" });
    out.push({ type: "close", c: this.#c, i });
  }

  #part(part: JsonObject, raw: RawArguments, out: StreamEvent[]): void {
    const signature = readSignature(part.thoughtSignature);
    if (isObject(part.functionCall)) this.#call(part.functionCall, signature, raw, out);
    else if (typeof part.text === "string") this.#text(part.text, part.thought === true, signature, out);
    else if (isObject(part.inlineData)) this.#inlineData(part, part.inlineData, out);
    else if (signature !== undefined && Object.keys(part).length === 1) this.#text("", false, signature, out);
    else if (Object.keys(part).length > 0) this.#opaque(part, out);
  }

  #text(text: string, thought: boolean, signature: Signature | undefined, out: StreamEvent[]): void {
    if (text === "" && signature === undefined) return;
    const c = this.#c;
    const kind = thought ? "thinking" : "text";
    // A signature on an empty part belongs to the text before it, whichever kind that is.
    const belongs = this.#open >= 0 && (text === "" || this.#openKind === kind);
    if (!belongs) {
      const next = this.#openNext(out);
      this.#open = next;
      this.#openKind = kind;
      out.push({ type: "part", c, i: next, kind });
    }
    const i = this.#open;
    if (text !== "") {
      this.#hasContent = true;
      out.push(thought ? { type: "think", c, i, text } : { type: "text", c, i, text });
      if (!thought) this.#remember(i, text);
    }
    if (signature !== undefined) out.push({ type: "signature", c, i, signature });
  }

  /** Keeps the text for citations; past the bound they are given up. */
  #remember(part: number, text: string): void {
    this.#citedChars += text.length;
    if (this.#citedChars > MAX_CITED_CHARS) {
      this.#segments = [];
      return;
    }
    const last = this.#segments[this.#segments.length - 1];
    const sameSource = last !== undefined && last.partIndex === this.#source;
    const samePart = last !== undefined && last.part === part;
    this.#segments.push({
      partIndex: this.#source,
      bytesBefore: sameSource ? last.bytesBefore + Buffer.byteLength(last.text) : 0,
      text,
      part,
      charsBefore: samePart ? last.charsBefore + countCharacters(last.text) : 0,
    });
  }

  #call(call: JsonObject, signature: Signature | undefined, raw: RawArguments, out: StreamEvent[]): void {
    const c = this.#c;
    const text = Object.hasOwn(call, "args") ? this.#originalText(call.args, raw) : "{}";
    if (this.#partial !== null && (call.name === undefined || call.name === "")) {
      this.#partial.builder.add(call.partialArgs);
      if (call.willContinue !== true) this.#endPartial(out);
      return;
    }
    this.#endPartial(out);
    const i = this.#openNext(out);
    this.#hasCalls = true;
    this.#hasContent = true;
    const name = stringOf(call.name) ?? "";
    const event: StreamEvent = {
      type: "part",
      c,
      i,
      kind: "call",
      id: stringOf(call.id) ?? "",
      name,
      custom: false,
    };
    if (signature !== undefined) event.signature = signature;
    out.push(event);
    if (call.willContinue === true || call.partialArgs !== undefined) {
      this.#partial = { index: i, builder: new PartialArguments() };
      this.#partial.builder.add(call.partialArgs);
      if (call.willContinue !== true) this.#endPartial(out);
      return;
    }
    out.push({ type: "arguments", c, i, text });
    out.push({ type: "close", c, i });
  }

  /** The next text of the chunk, when it is this value's: a call that was skipped must not shift the others. */
  #originalText(args: unknown, raw: RawArguments): string {
    const parsed = this.#large.jsonText(args);
    if (raw === null) return parsed;
    for (let next = raw.next(); next.done !== true; next = raw.next()) {
      if (JSON.stringify(JSON.parse(next.value)) === parsed) return next.value;
    }
    return parsed;
  }

  #endPartial(out: StreamEvent[]): void {
    const partial = this.#partial;
    if (partial === null) return;
    this.#partial = null;
    out.push({ type: "arguments", c: this.#c, i: partial.index, text: partial.builder.text() });
    out.push({ type: "close", c: this.#c, i: partial.index });
  }

  #inlineData(part: JsonObject, blob: JsonObject, out: StreamEvent[]): void {
    const mime = stringOf(blob.mimeType) ?? "";
    this.#hasContent = true;
    if (!mime.startsWith("image/")) {
      this.#opaque(part, out);
      return;
    }
    const i = this.#openNext(out);
    out.push({ type: "part", c: this.#c, i, kind: "image", mime, data: stringOf(blob.data) ?? "" });
    out.push({ type: "close", c: this.#c, i });
  }

  /** Code, its results, sound: only Google has a word for it. */
  #opaque(part: JsonObject, out: StreamEvent[]): void {
    const i = this.#openNext(out);
    out.push({ type: "part", c: this.#c, i, kind: "opaque", vendor: "google", raw: JSON.stringify(part) });
    out.push({ type: "close", c: this.#c, i });
  }

  /** Closes the open part and gives out the next index. */
  #openNext(out: StreamEvent[]): number {
    this.#close(out);
    return this.#next++;
  }

  #close(out: StreamEvent[]): void {
    if (this.#open < 0) return;
    out.push({ type: "close", c: this.#c, i: this.#open });
    this.#open = -1;
  }
}

function readSignature(value: unknown): Signature | undefined {
  return typeof value === "string" && value !== "" ? { vendor: "google", value } : undefined;
}
