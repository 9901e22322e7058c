/** The contract every chat protocol fulfils. Pure functions over data: no I/O, no clock, no module state. */

import type { Random } from "../base/clock.ts";
import type { Failure } from "../base/failure.ts";
import type { Edit } from "../base/json-edit.ts";
import type { ObjectScan } from "../base/json-scan.ts";
import type { UpstreamErrorInfo } from "../base/upstream-error.ts";
import type { KeepOptions } from "./escaped-text.ts";
import type { KnownEvents } from "./known-events.ts";
import type { ChatRequest, ChatResponse, MediaSource, Stop, StreamEvent, Usage, Vendor } from "./neutral.ts";
import type { TurnNotes } from "./turn-notes.ts";

export type ProtocolName =
  | "openai-chat"
  | "openai-responses"
  | "anthropic"
  | "gemini"
  | "cohere"
  | "cohere-v1"
  | "ollama";

/** What a target takes: declared, asked of the vendor, or from the catalog (`anthropic/catalog`), in this order. undefined = unknown. */
export interface Capability {
  readonly maxTokens?: number;
  readonly maxInputTokens?: number;
  readonly prefill?: boolean;
  readonly images?: boolean;
  readonly jsonSchema?: boolean;
  readonly sampling?: boolean;
  readonly forcedToolChoice?: boolean;
  readonly systemMidway?: boolean;
  /** Thinking types a Claude model takes: enabled, adaptive, disabled, between_tools. */
  readonly thinkingTypes?: readonly string[];
  /** What a missing `thinking` means. */
  readonly thinkingDefault?: "off" | "on";
  readonly effortLevels?: readonly string[];
  /** Reasoning model of OpenAI: no stop, temperature, top_p. */
  readonly reasoningModel?: boolean;
  readonly temperatureMax?: number;
  readonly thinkingLevel?: boolean;
  readonly urlImages?: boolean;
}

/** Everything a conversion may look at besides the request. One per attempt. */
export interface ConvertContext {
  /** The target's model id, as the upstream must see it. */
  readonly model: string;
  readonly vendor: Vendor;
  /** Provider kind: openai, azure, vertex, bedrock, ollama… */
  readonly providerKind: string;
  readonly dialect: string;
  readonly capability: Capability;
  /** All members of the caller's body, where one walk over it has been made already. */
  readonly scan?: ObjectScan | undefined;
  /** What that walk noted of the list of turns. */
  readonly turns?: TurnNotes | null | undefined;
  /** The alias's `strict`: warnings become a 400 (done by `warn`, which then throws). */
  readonly warn: (code: string, field: string) => void;
  readonly random: Random;
  /** Wall clock seconds, for `created`. */
  readonly now: number;
  /** Long strings and verbatim JSON of the request body that stay byte ranges. */
  readonly large: LargeStrings;
  /** Tool names and call ids renamed for this target; filled by `encodeRequest`, used by the answer's way back. */
  readonly names: NameMap;
  /** Signatures of calls seen lately whose client has no carrier for them (call id -> carrier). */
  readonly carriers: CarrierStore;
  /** Members this provider refused lately (40-protocols 1.10): not sent. */
  readonly refused?: readonly string[];
  /** The one corrected re-ask after a 400 about thinking or signatures: without the history's thinking (4.2). */
  readonly dropThinking?: boolean;
  /** The provider writes reasoning as `<think>` text (`think_tags`). */
  readonly thinkTags?: boolean;
  /** The alias's `fast_tier`: dearer service tiers may be asked for when the caller does. */
  readonly fastTier?: boolean;
}

export interface LargeStrings {
  /**
   * Keeps JSON text (a call's arguments, a schema; it may be or hold a placeholder) to be spliced verbatim in place of
   * a value; returns the string to put there, which must not be joined with other text.
   */
  raw(jsonText: string): string;
  /** True when `text` holds a placeholder. */
  has(text: string): boolean;
  /** The real text, for the few places that must look at it. */
  expand(text: string): string;
  /** The first `count` characters of the real text, without expanding it. */
  head(text: string, count: number): string;
  /**
   * Verbatim JSON text of a parsed member: of one listed in the protocol's `rawMembers` the text as it came (a
   * placeholder when it is long), of anything else `JSON.stringify`. undefined and null give "".
   */
  jsonText(value: unknown): string;
  /** What JSON text of a call's arguments is; "broken" = not one JSON value. Placeholders are looked through. */
  kindOf(jsonText: string): "object" | "other" | "broken";
  /** JSON text of `value` as bytes with every placeholder replaced. */
  render(value: unknown): Uint8Array[];
}

export interface NameMap {
  /** upstream name -> the caller's name */
  readonly tools: Map<string, { name: string; namespace?: string; custom?: boolean; wrapped?: boolean }>;
  /** Answers of this request come through a forced `respond` tool (old Claude, JSON schema): its input is text. */
  respondTool: boolean;
}

export interface CarrierStore {
  get(callId: string): string | undefined;
  set(callId: string, carrier: string): void;
}

/** The request as the upstream gets it. `body` pieces are sent as they are. */
export interface EncodedRequest {
  readonly body: Uint8Array[];
  /** Stop sequences the upstream cannot take: the gateway cuts the answer itself. */
  readonly emulatedStop: readonly string[];
  /** False: the answer will hold no thinking that is bound to what stands before it. Absent = it may. */
  readonly thinks?: boolean;
  /** Headers the conversion asks for (e.g. `anthropic-beta`), name and value in turn. */
  readonly headers: readonly string[];
}

/** Facts of the caller's request its answer needs (echoed members, ids, usage wish). */
export interface AnswerContext {
  readonly requestModel: string;
  /** Model name shown to the caller; "" = the upstream's own word. */
  readonly answerModel: string;
  readonly request: ChatRequest;
  readonly random: Random;
  readonly now: number;
  readonly warn: (code: string, field: string) => void;
  /** Estimated prompt tokens, for protocols that must say a figure at the start. */
  readonly promptEstimate: number;
  /** The names of the target that answers, to restore tool names. */
  readonly names: NameMap;
  readonly carriers: CarrierStore;
  /** Identity of the target for signature carriers: vendor, model, prefix hash. */
  readonly origin: { readonly vendor: Vendor; readonly model: string; readonly prefix: string };
  /** Gemini without `alt=sse`: one JSON array instead of events. */
  readonly jsonArray?: boolean;
  /** Milliseconds since the request came in (Ollama shows durations); absent = not measured. */
  readonly elapsedMs?: () => number;
}

/** Bits of `StreamInspector.inspect`. */
export const CONTENT = 1; // 30-routing.md "Before the first content event"
export const FINISH = 2; // a finish reason stands in it
export const TERMINAL = 4; // the protocol's last event ([DONE], message_stop, response.completed …)
export const ERROR = 8; // an in-band error
export const USAGE_ONLY = 16; // the extra usage chunk: hidden unless the caller asked
export const MALFORMED = 32; // not what the protocol allows: dropped
export const PING = 64; // comment or ping: life, no content
export const TOOL_CALL = 128; // holds (a piece of) a tool call
export const REASONING = 256; // holds (a piece of) reasoning only

/** Where a relayed stream stands, so that an encoder can go on in the middle of it. */
export interface StreamPosition {
  readonly id: string;
  readonly model: string;
  readonly created: number;
  /** Parts opened so far (blocks, output items); the next one gets this index. */
  readonly nextIndex: number;
  /** The part that is open; null between parts. `index` in the protocol's own count, `itemId` where it has one. */
  readonly open: {
    readonly kind: "text" | "thinking" | "call";
    readonly index: number;
    readonly itemId: string;
    /** Responses: place in the item, what the part holds so far, and the item's finished parts, verbatim JSON. */
    readonly contentIndex?: number;
    readonly text?: string;
    readonly contents?: readonly string[];
  } | null;
  /** Next `sequence_number` (Responses). */
  readonly sequence: number;
  readonly started: boolean;
  /** Finished items, verbatim JSON, for protocols whose last event repeats them (Responses). */
  readonly items: readonly string[];
}

/**
 * Watches a stream that is relayed as it is: one whole event at a time, by bytes, without JSON.parse unless the
 * bytes can hold usage, an error or a finish reason.
 */
export interface StreamInspector {
  /** Recognises events that are like one before, and where they end: `accept` then stands for `inspect`. */
  readonly known?: KnownEvents;
  /** `event` holds one whole SSE event (or NDJSON line) in [start, end). Returns the bits above. */
  inspect(event: Buffer, start: number, end: number): number;
  /** Usage seen so far; null = none. */
  readonly usage: Usage | null;
  readonly error: UpstreamErrorInfo | null;
  readonly model: string;
  readonly stop: Stop | null;
  /** Text delivered so far, JSON-escaped bytes as received, for continuation; null once given up (over the cap, n > 1, logprobs). */
  readonly text: Buffer | null;
  position(): StreamPosition;
}

export interface StreamDecoder {
  /** One event's data (joined lines) and its `event:` name ("" = none). Appends to `out`. Throws nothing: garbage is ignored or an error event. */
  decode(data: string, event: string, out: StreamEvent[]): void;
  /** The protocol's last event has come: nothing behind it counts. Absent: the last event gave an `end`. */
  readonly done?: boolean;
  /** The upstream's body has ended: appends what is still owed (`end`, or an `error` when it was cut). */
  finish(out: StreamEvent[]): void;
}

export interface StreamEncoder {
  /** Wire text of one neutral event; "" = nothing to send. */
  encode(event: StreamEvent): string;
  /** A sign of life for a silent stream, legal at this moment. */
  ping(): string;
  /** An in-band error and the end; never a clean end of the protocol. */
  fail(failure: Failure): string;
}

type Framing = "sse" | "ndjson" | "json-array";

export interface ErrorAnswer {
  readonly status: number;
  /** name, value, … without content-type */
  readonly headers: readonly string[];
  readonly body: string;
}

/** The figures of a whole answer, where its usage is more than a choice among them. */
export interface UsageCounts {
  /** Each is a number of the answer or null, and no number decides on which; null = there are none. */
  read(body: Buffer): readonly (number | null)[] | null;
  usageOf(figures: readonly (number | null)[]): Usage;
}

export interface ChatProtocol {
  readonly name: ProtocolName;
  readonly vendor: Vendor;
  /** What its streams look like on the wire when this protocol is the upstream. */
  readonly framing: Framing;
  readonly streamContentType: string;
  /**
   * Members of its request and answer bodies whose object or array values are JSON text to be kept verbatim (schemas,
   * call arguments), wherever they stand. `openBody` takes them out before JSON.parse; read them by `LargeStrings.jsonText`.
   */
  readonly rawMembers: readonly string[];

  /** Reads a caller's body. `doc` is the parsed body with placeholders for long strings. Throws Failure (400, param). */
  decodeRequest(doc: unknown, context: DecodeContext): ChatRequest;
  /**
   * Sources given by URL for which this target has no form (40-protocols 1.2): the gateway fetches them and puts
   * base64 sources in their place before `encodeRequest`, which refuses what is left. Absent = never any.
   */
  sourcesToInline?(request: ChatRequest, context: ConvertContext): MediaSource[];
  /** Writes the body for the target. Throws Failure (400, param) for what cannot be carried. */
  encodeRequest(request: ChatRequest, context: ConvertContext): EncodedRequest;
  /**
   * Reads an upstream's whole answer, parsed by `openBody` with `ANSWER_LIMITS`; `context.large` is the one that came
   * of it. Throws Failure when it is not an answer.
   */
  decodeResponse(doc: unknown, context: ConvertContext): ChatResponse;
  /** JSON text of the whole answer for the caller. */
  encodeResponse(response: ChatResponse, context: AnswerContext): string;
  createDecoder(context: ConvertContext): StreamDecoder;
  /** `resume`: go on inside a stream that was relayed up to there. */
  createEncoder(context: AnswerContext, resume?: StreamPosition): StreamEncoder;
  createInspector(options: KeepOptions): StreamInspector;
  /** Usage of a whole relayed answer, found without parsing more than its usage member. */
  readUsage(body: Buffer): Usage | null;
  /** What `readUsage` reads. Absent = the figures of its usage are numbers of the answer. */
  readonly usageCounts?: UsageCounts;
  encodeError(failure: Failure, requestId: string): ErrorAnswer;
  /** In-band error for a relayed stream (no encoder runs); same bytes as `StreamEncoder.fail` at that point. */
  encodeStreamError(failure: Failure, inspector: StreamInspector | null): string;
  /** Reads an error body of the upstream; never throws, HTML and emptiness included. */
  decodeError(status: number, body: string): UpstreamErrorInfo;
  /**
   * Splices a body needs before it is relayed in its own protocol (40-protocols 1.0): the model's name where the body
   * holds it, members this target is known to refuse, our own `slc1.` marks and empty signatures. Throws Failure (400).
   */
  passThroughEdits(body: Buffer, context: ConvertContext): Edit[];
}

export interface DecodeContext {
  /** Model and mode as found in the path, for protocols that put them there (Gemini). */
  readonly model: string;
  readonly stream: boolean;
  readonly large: LargeStrings;
  readonly carriers: CarrierStore;
  readonly warn: (code: string, field: string) => void;
}
