/** The neutral form between any two chat protocols: a request, an answer, and the events of a stream. Data only. */
import type { UpstreamErrorInfo } from "../base/upstream-error.ts";

export type Vendor = "openai" | "anthropic" | "google" | "cohere" | "ollama";
export type Role = "user" | "assistant" | "system";

export interface CacheMark {
  /** Seconds the vendor should keep the prefix: 300 or 3600 (12 h = 43200). */
  readonly ttl: number;
}

/** A signature or encrypted reasoning of one vendor; must return to the same vendor byte for byte. */
export interface Signature {
  readonly vendor: Vendor;
  readonly value: string;
  /** The vendor's item id, where it has one (OpenAI reasoning items). */
  readonly id?: string;
  /** True for Anthropic `redacted_thinking`: `value` is its data. */
  readonly redacted?: boolean;
}

export type Part =
  | { type: "text"; text: string; signature?: Signature; cache?: CacheMark; citations?: Citation[] }
  | { type: "image"; source: MediaSource; detail?: string; signature?: Signature; cache?: CacheMark }
  | {
      type: "document";
      source: MediaSource;
      title?: string;
      cite?: boolean;
      context?: string;
      cache?: CacheMark;
    }
  | { type: "audio"; data: string; format: string }
  | { type: "video"; source: MediaSource }
  | {
      type: "thinking";
      text: string;
      signature?: Signature;
      /** A `slc1.` carrier as the client echoed it. With text "" and before a call it carries that call's signature. */
      foreign?: string;
    }
  | {
      type: "call";
      id: string;
      name: string;
      arguments: string;
      kind: "function" | "custom";
      namespace?: string;
      signature?: Signature;
      cache?: CacheMark;
    }
  | { type: "result"; callId: string; name?: string; isError: boolean; parts: Part[]; cache?: CacheMark }
  | { type: "refusal"; text: string }
  | { type: "opaque"; vendor: Vendor; raw: string };

/** `base64` data may hold a large-string placeholder (see `large.ts`). `text` documents hold plain text. */
export type MediaSource =
  | { kind: "base64"; mime: string; data: string }
  | { kind: "url"; url: string; mime?: string }
  | { kind: "file"; vendor: Vendor; id: string; mime?: string; filename?: string }
  | { kind: "text"; text: string };

export interface Citation {
  /** Character range in the part's text; -1 when the vendor cites the whole block. */
  start: number;
  end: number;
  url: string;
  title: string;
  quote?: string;
}

export interface Turn {
  role: Role;
  parts: Part[];
  name?: string;
  phase?: string;
}

export interface Tool {
  name: string;
  kind: "function" | "custom" | "hosted" | "client";
  description?: string;
  /** JSON text of the parameters' schema; "" = none given. Kept verbatim. */
  schema: string;
  strict?: boolean;
  namespace?: string;
  /** Custom tools: the grammar, verbatim. */
  grammar?: { syntax: string; definition: string };
  /** Hosted and client tools: the vendor's own definition, verbatim JSON. */
  raw?: string;
  vendor?: Vendor;
  cache?: CacheMark;
}

export interface ToolChoice {
  mode: "auto" | "none" | "required" | "one" | "allowed";
  /** `one`: one name; `allowed`: the subset. */
  names?: string[];
  /** `allowed` only: whether one of them must be called. */
  required?: boolean;
  /** False: at most one call an answer. */
  parallel?: boolean;
}

export interface OutputFormat {
  kind: "text" | "json" | "schema";
  name?: string;
  /** JSON text of the schema, verbatim. */
  schema?: string;
  strict?: boolean;
  description?: string;
}

export type Effort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max";

export interface ChatRequest {
  model: string;
  stream: boolean;
  system: { text: string; role: "system" | "developer"; cache?: CacheMark }[];
  turns: Turn[];
  tools: Tool[];
  choice?: ToolChoice;
  format?: OutputFormat;
  verbosity?: string;
  sampling: {
    temperature?: number;
    topP?: number;
    topK?: number;
    seed?: number;
    stop?: string[];
    max?: number;
    /** The caller's protocol demands a maximum (Anthropic): no intent, so it is cut to a model's own in silence. */
    maxDemanded?: boolean;
    n?: number;
    presence?: number;
    frequency?: number;
    logitBias?: string;
    logprobs?: boolean;
    topLogprobs?: number;
  };
  reasoning: {
    effort?: Effort;
    budget?: number;
    /** The client asked for thinking without saying how much. */
    adaptive?: boolean;
    /** What the caller wants to see of it; absent = summary. */
    show?: "none" | "summary" | "full";
  };
  cache?: { key?: string; ttl?: number; auto?: boolean };
  tier?: string;
  user?: string;
  metadata?: Record<string, string>;
  /** Verbatim JSON of the vendor's safety settings. */
  safety?: { vendor: Vendor; raw: string };
  /** The caller asked for usage in the stream (Chat `stream_options.include_usage`); other protocols always get it. */
  includeUsage: boolean;
  /** Members that the caller's answer repeats, as `"name":json,…`; never sent upstream (Responses). */
  echo?: string;
  /** Members only one vendor knows, verbatim JSON by name; written only to the same vendor. */
  ext: Partial<Record<Vendor, Record<string, string>>>;
}

/** null = not reported, which differs from 0. `input` includes cached tokens, `output` includes reasoning. */
export interface Usage {
  input: number | null;
  cacheRead: number | null;
  cacheWrite: number | null;
  cacheWriteLong: number | null;
  output: number | null;
  reasoning: number | null;
}

export type StopReason =
  | "stop"
  | "stop_sequence"
  | "length"
  | "context_full"
  | "tool_call"
  | "filtered"
  | "refusal"
  | "pause"
  | "broken_call"
  | "failed";

export interface Stop {
  reason: StopReason;
  /** The stop sequence that matched. */
  sequence?: string;
  /** The vendor's words on a refusal or a filter. */
  detail?: string;
  category?: string;
}

export interface ChatResponse {
  id: string;
  model: string;
  /** Seconds since 1970; 0 = unknown. */
  created: number;
  candidates: { parts: Part[]; stop: Stop; logprobs?: string }[];
  usage: Usage | null;
}

/** One step of a stream. `i` = part index within the candidate, `c` = candidate. Usage is cumulative. */
export type StreamEvent =
  | { type: "start"; id: string; model: string; created: number }
  | { type: "part"; c: number; i: number; kind: "text" | "thinking" | "refusal" }
  | {
      type: "part";
      c: number;
      i: number;
      kind: "call";
      id: string;
      name: string;
      custom: boolean;
      namespace?: string;
      /** Known at the start where calls come whole (Gemini); else a `signature` event follows. */
      signature?: Signature;
    }
  | { type: "part"; c: number; i: number; kind: "opaque"; vendor: Vendor; raw: string }
  | { type: "part"; c: number; i: number; kind: "image"; mime: string; data: string }
  | { type: "text"; c: number; i: number; text: string }
  | { type: "think"; c: number; i: number; text: string }
  | { type: "refusal"; c: number; i: number; text: string }
  | { type: "signature"; c: number; i: number; signature: Signature }
  | { type: "arguments"; c: number; i: number; text: string }
  | { type: "cite"; c: number; i: number; citation: Citation }
  | { type: "logprobs"; c: number; i: number; raw: string }
  | { type: "close"; c: number; i: number }
  | { type: "usage"; usage: Usage }
  | { type: "stop"; c: number; stop: Stop }
  | { type: "ping" }
  | { type: "error"; error: UpstreamErrorInfo }
  | { type: "end" };
