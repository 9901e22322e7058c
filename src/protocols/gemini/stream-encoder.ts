/** Writes Gemini's stream: one chunk per delta, calls whole, and a last chunk with finish reason and usage. */

import type { Failure } from "../../base/failure.ts";
import { ArgumentScanner } from "../argument-scanner.ts";
import { ANY_IDS } from "../call-ids.ts";
import { EventOrder } from "../event-order.ts";
import type { Signature, Stop, StreamEvent, Usage } from "../neutral.ts";
import type { AnswerContext, StreamEncoder, StreamPosition } from "../protocol.ts";
import { mergeUsage } from "../usage.ts";
import { callJson, encodeSignature, type GeminiCall, settleBroken } from "./answer-parts.ts";
import { GroundingBuilder } from "./citations.ts";
import { errorJson, upstreamErrorJson } from "./errors.ts";
import { encodeLogprobs } from "./logprobs.ts";
import { randomId } from "./response-id.ts";
import { encodeFinish, encodeUsage } from "./types.ts";

/** Text of the part that is cited remembered at most. */
const MAX_CITED_CHARS = 256 * 1024;

interface CandidateState {
  readonly index: number;
  call: { readonly scanner: ArgumentScanner; readonly call: GeminiCall; text: string } | null;
  broken: boolean;
  stop: Stop | null;
  kind: "text" | "thinking" | "refusal" | "call" | "";
  /** Text of all text parts so far, for citations; a client joins a stream's text into one part. */
  text: string;
  /** Where the open part's text begins in `text`. */
  partStart: number;
  grounding: GroundingBuilder;
  logprobs: string;
}

export function createEncoder(context: AnswerContext, resume?: StreamPosition): StreamEncoder {
  return new GeminiEncoder(context, resume);
}

class GeminiEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #order: EventOrder;
  readonly #queue: StreamEvent[] = [];
  readonly #candidates: CandidateState[] = [];
  readonly #array: boolean;
  /** What follows the candidates in every chunk: `"modelVersion":…,"responseId":…}`. */
  #tail = "";
  #model: string;
  #id: string;
  #usage: Usage | null = null;
  #written: boolean;
  #over = false;

  constructor(context: AnswerContext, resume?: StreamPosition) {
    this.#context = context;
    this.#array = context.jsonArray === true;
    this.#order = new EventOrder(context, { ids: ANY_IDS, broken: "pass" }, resume);
    this.#model = context.answerModel || resume?.model || "";
    this.#id = resume?.id ?? "";
    this.#written = resume?.started ?? false;
  }

  encode(event: StreamEvent): string {
    if (this.#over) return "";
    this.#queue.length = 0;
    this.#order.push(event, this.#queue);
    let out = "";
    for (const each of this.#queue) out += this.#event(each);
    return out;
  }

  ping(): string {
    return this.#array ? " " : ": keep-alive\n\n";
  }

  fail(failure: Failure): string {
    return this.#fail(errorJson(failure));
  }

  #fail(json: string): string {
    if (this.#over) return "";
    this.#over = true;
    return this.#frame(json) + (this.#array ? "]" : "");
  }

  #event(event: StreamEvent): string {
    switch (event.type) {
      case "start":
        this.#id = event.id || this.#id;
        this.#model = this.#context.answerModel || event.model;
        return "";
      case "usage":
        this.#usage = mergeUsage(this.#usage, event.usage);
        return "";
      case "error":
        return this.#fail(upstreamErrorJson(event.error));
      case "end":
        return this.#end();
      case "ping":
        return this.ping();
      default:
        return this.#part(this.#candidate(event.c), event);
    }
  }

  #candidate(index: number): CandidateState {
    let candidate = this.#candidates[index];
    if (candidate === undefined) {
      candidate = {
        index,
        call: null,
        broken: false,
        stop: null,
        kind: "",
        text: "",
        partStart: 0,
        grounding: new GroundingBuilder(),
        logprobs: "",
      };
      this.#candidates[index] = candidate;
    }
    return candidate;
  }

  #part(candidate: CandidateState, event: StreamEvent): string {
    switch (event.type) {
      case "part":
        return this.#open(candidate, event);
      case "text":
      case "refusal":
        return this.#text(candidate, event.text);
      case "think":
        if (this.#hidesThoughts) return "";
        return this.#chunk(candidate, `{"text":${JSON.stringify(event.text)},"thought":true}`);
      case "signature":
        return this.#signature(candidate, event.signature);
      case "arguments":
        if (candidate.call !== null) candidate.call.text += candidate.call.scanner.push(event.text);
        return "";
      case "cite":
        if (!candidate.grounding.takes(candidate.text.length)) return "";
        candidate.grounding.add(
          event.citation,
          candidate.text.slice(candidate.partStart),
          0,
          Buffer.byteLength(candidate.text.slice(0, candidate.partStart)),
        );
        return "";
      case "logprobs":
        candidate.logprobs = event.raw;
        return "";
      case "close":
        return this.#close(candidate);
      case "stop":
        candidate.stop = event.stop;
        return "";
      default:
        return "";
    }
  }

  get #hidesThoughts(): boolean {
    return this.#context.request.reasoning.show === "none";
  }

  #open(candidate: CandidateState, event: Extract<StreamEvent, { type: "part" }>): string {
    if (event.kind === "image") {
      const data = { inlineData: { mimeType: event.mime, data: event.data } };
      return this.#chunk(candidate, JSON.stringify(data));
    }
    if (event.kind === "opaque") return event.vendor === "google" ? this.#chunk(candidate, event.raw) : "";
    candidate.kind = event.kind;
    candidate.partStart = candidate.text.length;
    if (event.kind !== "call") return "";
    const call: GeminiCall = { id: event.id, name: event.name };
    if (event.signature !== undefined)
      call.signature = encodeSignature(event.signature, this.#context.origin);
    candidate.call = { scanner: new ArgumentScanner(), call, text: "" };
    return "";
  }

  #text(candidate: CandidateState, text: string): string {
    if (candidate.text.length + text.length <= MAX_CITED_CHARS) candidate.text += text;
    return this.#chunk(candidate, `{"text":${JSON.stringify(text)}}`);
  }

  #signature(candidate: CandidateState, signature: Signature): string {
    const value = encodeSignature(signature, this.#context.origin);
    if (candidate.call !== null) {
      candidate.call.call.signature = value;
      return "";
    }
    const thought = candidate.kind === "thinking" ? ',"thought":true' : "";
    return this.#chunk(candidate, `{"text":""${thought},"thoughtSignature":${JSON.stringify(value)}}`);
  }

  /** A call goes out whole; one whose arguments are no object is left out (40-protocols 3.4). */
  #close(candidate: CandidateState): string {
    const pending = candidate.call;
    candidate.kind = "";
    if (pending === null) return "";
    candidate.call = null;
    const { scanner, call } = pending;
    if (scanner.empty) return this.#chunk(candidate, callJson(call, "{}"));
    if (scanner.complete && scanner.isObject) return this.#chunk(candidate, callJson(call, pending.text));
    candidate.broken = true;
    return "";
  }

  #end(): string {
    if (this.#over) return "";
    const candidates = this.#candidates
      .filter((candidate) => candidate !== undefined)
      .map((candidate) => {
        const grounding = candidate.grounding.metadata();
        const logprobs = candidate.logprobs === "" ? undefined : encodeLogprobs(candidate.logprobs);
        const stop = settleBroken(candidate.stop ?? { reason: "stop" }, candidate.broken);
        return {
          // Without a part genai's chats drop the whole turn from their history.
          content: { role: "model", parts: [{ text: "" }] },
          finishReason: encodeFinish(stop),
          ...(stop.detail === undefined ? {} : { finishMessage: stop.detail }),
          index: candidate.index,
          ...(grounding === undefined ? {} : { groundingMetadata: grounding }),
          ...(logprobs === undefined ? {} : { logprobsResult: logprobs }),
        };
      });
    const last = this.#frame(
      JSON.stringify({
        candidates,
        usageMetadata: encodeUsage(this.#usage),
        modelVersion: this.#model,
        responseId: this.#responseId(),
      }),
    );
    this.#over = true;
    return last + (this.#array ? "]" : "");
  }

  #responseId(): string {
    if (this.#id === "") this.#id = randomId(this.#context.random);
    return this.#id;
  }

  #chunk(candidate: CandidateState, partJson: string): string {
    if (this.#tail === "") {
      const identity = { modelVersion: this.#model, responseId: this.#responseId() };
      this.#tail = `}],${JSON.stringify(identity).slice(1)}`;
    }
    return this.#frame(
      `{"candidates":[{"content":{"role":"model","parts":[${partJson}]},"index":${candidate.index}${this.#tail}`,
    );
  }

  #frame(json: string): string {
    const first = !this.#written;
    this.#written = true;
    return this.#array ? `${first ? "[" : ","}${json}` : `data: ${json}\n\n`;
  }
}
