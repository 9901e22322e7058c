/** Runs a body, an answer or a stream through two protocols as the gateway does, for tests. */
import { effectiveCapability } from "../../../src/protocols/anthropic/catalog.ts";
import { ANSWER_LIMITS, openBody } from "../../../src/protocols/body.ts";
import type { ChatRequest, ChatResponse, StreamEvent } from "../../../src/protocols/neutral.ts";
import { prefixHash } from "../../../src/protocols/prefix-hash.ts";
import type {
  AnswerContext,
  CarrierStore,
  ChatProtocol,
  ConvertContext,
  NameMap,
} from "../../../src/protocols/protocol.ts";
import { seededRandom } from "../../support/seed.ts";

export interface ConversionOptions {
  readonly model?: string;
  readonly providerKind?: string;
  readonly dialect?: string;
  readonly capability?: ConvertContext["capability"];
  readonly stream?: boolean;
  readonly answer?: Partial<AnswerContext>;
  readonly convert?: Partial<ConvertContext>;
}

function createCarriers(): CarrierStore {
  const map = new Map<string, string>();
  return { get: (id) => map.get(id), set: (id, carrier) => void map.set(id, carrier) };
}

/** One request on its way from a client of protocol `from` to an upstream of protocol `to`. */
export class Conversion {
  readonly warnings: string[] = [];
  readonly names: NameMap = { tools: new Map(), respondTool: false };
  readonly carriers = createCarriers();
  readonly random = { next: seededRandom(11) };
  readonly from: ChatProtocol;
  readonly to: ChatProtocol;
  readonly options: ConversionOptions;
  request: ChatRequest | null = null;
  emulatedStop: readonly string[] = [];
  /** The prefix an answer's thinking would be bound to, where it may hold any. */
  prefix = "";
  #capability: ConvertContext["capability"];

  constructor(from: ChatProtocol, to: ChatProtocol, options: ConversionOptions = {}) {
    this.from = from;
    this.to = to;
    this.options = options;
    this.#capability = options.capability ?? {};
    if (to.name === "anthropic")
      this.#capability = effectiveCapability(options.model ?? "target-model", this.#capability);
  }

  #warn = (code: string, field: string): void => {
    this.warnings.push(`${code}:${field}`);
  };

  convertContext(large: ConvertContext["large"]): ConvertContext {
    const { options } = this;
    return {
      model: options.model ?? "target-model",
      vendor: this.to.vendor,
      providerKind: options.providerKind ?? this.to.vendor,
      dialect: options.dialect ?? "auto",
      capability: this.#capability,
      warn: this.#warn,
      random: this.random,
      now: 1_700_000_000,
      large,
      names: this.names,
      carriers: this.carriers,
      ...options.convert,
    };
  }

  answerContext(): AnswerContext {
    if (this.request === null) throw new Error("no request was converted");
    return {
      requestModel: this.request.model,
      answerModel: "",
      request: this.request,
      random: this.random,
      now: 1_700_000_000,
      warn: this.#warn,
      promptEstimate: 7,
      names: this.names,
      carriers: this.carriers,
      origin: { vendor: this.to.vendor, model: this.options.model ?? "target-model", prefix: "0".repeat(16) },
      ...this.options.answer,
    };
  }

  decodeRequest(body: unknown): { request: ChatRequest; large: ConvertContext["large"] } {
    const bytes = Buffer.isBuffer(body)
      ? body
      : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
    const { doc, large } = openBody(bytes, this.from.rawMembers, this.random);
    const request = this.from.decodeRequest(doc, {
      model: "caller-model",
      stream: this.options.stream ?? false,
      large,
      carriers: this.carriers,
      warn: this.#warn,
    });
    this.request = request;
    return { request, large };
  }

  /** The upstream's body as the pieces that are sent. */
  requestPieces(body: unknown): readonly Uint8Array[] {
    const { request, large } = this.decodeRequest(body);
    const encoded = this.to.encodeRequest(request, this.convertContext(large));
    this.emulatedStop = encoded.emulatedStop;
    if (this.to.vendor === "anthropic" && encoded.thinks !== false) this.prefix = prefixHash(request, large);
    return encoded.body;
  }

  /** The upstream's body as text. */
  requestText(body: unknown): string {
    return Buffer.concat(this.requestPieces(body)).toString();
  }

  /** The upstream's body, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: assertions look into bodies of every shape
  requestBody(body: unknown): any {
    return JSON.parse(this.requestText(body));
  }

  decodeAnswer(answer: unknown): ChatResponse {
    const bytes = Buffer.from(typeof answer === "string" ? answer : JSON.stringify(answer));
    const { doc, large } = openBody(bytes, this.to.rawMembers, this.random, ANSWER_LIMITS);
    return this.to.decodeResponse(doc, this.convertContext(large));
  }

  /** The client's answer, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: assertions look into bodies of every shape
  answerBody(answer: unknown): any {
    return JSON.parse(this.from.encodeResponse(this.decodeAnswer(answer), this.answerContext()));
  }

  /** Neutral events of the upstream's stream. `events`: data, or [event name, data]. */
  decodeStream(events: readonly (unknown | readonly [string, unknown])[]): StreamEvent[] {
    const { large } = openBody(Buffer.from("{}"), [], this.random);
    const decoder = this.to.createDecoder(this.convertContext(large));
    const out: StreamEvent[] = [];
    for (const each of events) {
      const [name, data] = Array.isArray(each) && each.length === 2 ? each : ["", each];
      decoder.decode(typeof data === "string" ? data : JSON.stringify(data), String(name), out);
    }
    decoder.finish(out);
    return out;
  }

  /** Wire text for the client of neutral events. */
  encodeStream(events: readonly StreamEvent[]): string {
    const encoder = this.from.createEncoder(this.answerContext());
    return events.map((event) => encoder.encode(event)).join("");
  }

  /** Wire text for the client of the upstream's stream. */
  streamText(events: readonly unknown[]): string {
    return this.encodeStream(this.decodeStream(events));
  }
}

/** The data of SSE wire text, parsed; `[DONE]` and comments left out. */
// biome-ignore lint/suspicious/noExplicitAny: assertions look into bodies of every shape
export function sseData(text: string): any[] {
  return text
    .split("\n\n")
    .map((block) => block.split("\n").find((line) => line.startsWith("data:")))
    .filter((line) => line !== undefined && line !== "data: [DONE]")
    .map((line) => JSON.parse((line ?? "").slice(5)));
}
