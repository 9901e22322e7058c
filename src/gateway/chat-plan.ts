/** A chat: relayed as it is to targets that speak the caller's protocol, converted for all others. */
import type { Failure } from "../base/failure.ts";
import { badRequest } from "../base/failure.ts";
import { headerValue } from "../base/headers.ts";
import { applyEdits } from "../base/json-edit.ts";
import type { ObjectScan } from "../base/json-scan.ts";
import { responseEvents } from "../protocols/answer-assembly.ts";
import { ANSWER_LIMITS, type OpenedBody, openBody } from "../protocols/body.ts";
import type { ChatRequest, MediaSource, StreamEvent } from "../protocols/neutral.ts";
import { needsResponses } from "../protocols/openai-chat/dialects.ts";
import { prefixHash } from "../protocols/prefix-hash.ts";
import type { AnswerContext, ChatProtocol, ConvertContext } from "../protocols/protocol.ts";
import { protocolNamed } from "../protocols/registry.ts";
import type { SpokenProtocol } from "../providers/provider.ts";
import type { ResponseHead } from "../upstream/client.ts";
import { writeHead } from "./answer-head.ts";
import type { AnswerReader, Attempt, PreparedSend } from "./attempt.ts";
import { completeChatBody } from "./body-additions.ts";
import { continueRequest, SpliceWriter } from "./continuation.ts";
import { convertContext } from "./convert-context.ts";
import { ConvertStream } from "./convert-stream.ts";
import type { Core } from "./core.ts";
import type { Delivery } from "./delivery.ts";
import { EventWriter, MAX_KEPT_TEXT } from "./event-writer.ts";
import { targetHeaders } from "./forwarded-headers.ts";
import { InlinedSources } from "./inline-sources.ts";
import { noteId, noteIds } from "./issued-ids.ts";
import { createModelRewriter } from "./model-rewriter.ts";
import type { Broken, PendingSend, Plan, Rework } from "./plan.ts";
import type { RequestRecord } from "./record.ts";
import { refusal } from "./refusal.ts";
import { type RelayedStream, RelayStream, terminatorOf } from "./relay-stream.ts";
import type { Target } from "./target.ts";
import { type Trouble, trouble } from "./trouble.ts";
import { WholeAnswer } from "./whole-answer.ts";
import { warnOrRefuse } from "./whole-plan.ts";

export interface ChatFacts {
  readonly body: Buffer;
  readonly stream: boolean;
  readonly showUsage: boolean;
  /** Gemini without `alt=sse`. */
  readonly jsonArray: boolean;
  /** Which of the protocol's chat endpoints was asked, where it has several: Ollama's `/generate`; "" = its usual one. */
  readonly rest: string;
  /** The body defines tools. */
  readonly tools: boolean;
  /** The walk over the body that told its facts. */
  readonly scan: ObjectScan;
}

const HOLD_BYTES = 8 * 1024 * 1024;
const RAW = ["text/event-stream", "application/x-ndjson", "application/stream+json"];

export class ChatPlan implements Plan {
  readonly stream: boolean;
  readonly endpoint = "chat";
  readonly idInPath = false;

  readonly #core: Core;
  readonly #record: RequestRecord;
  #facts: ChatFacts;
  readonly #client: ChatProtocol;
  #opened: OpenedBody | null = null;
  #request: ChatRequest | null = null;
  /** What was delivered, for the end of a stream that breaks. */
  #relayed: RelayedStream | null = null;
  #writer: EventWriter | null = null;
  #inlined: InlinedSources | null = null;

  constructor(core: Core, record: RequestRecord, client: ChatProtocol, facts: ChatFacts) {
    this.#core = core;
    this.#record = record;
    this.#facts = facts;
    this.#client = client;
    this.stream = facts.stream;
  }

  prepare(target: Target, rework: Rework): PreparedSend | PendingSend {
    const { kind, facts } = target.provider;
    const spoken = kind.speaks(facts, target.model);
    const first = spoken[0];
    if (first === undefined) throw badRequest(`${target.label} does not serve chats`, "unsupported_endpoint");
    const own = spoken.includes(this.#client.name) ? this.#client.name : first;
    const name = this.#mustUseResponses(target, spoken) ? "openai-responses" : own;
    const native = name === this.#client.name && rework.continuation === null;
    const path = kind.path(facts, {
      operation: "chat",
      protocol: name,
      model: target.model,
      stream: this.stream,
      rest: native ? this.#facts.rest : "",
    });
    if (path === null) throw badRequest(`${target.label} does not serve chats`, "unsupported_endpoint");
    return native ? this.#relay(target, path, rework) : this.#convert(target, path, name, rework);
  }

  /** OpenAI's newest models take tools on Responses only (40-protocols.md 1.10). */
  #mustUseResponses(target: Target, spoken: readonly SpokenProtocol[]): boolean {
    if (!this.#facts.tools || this.#client.name === "openai-responses") return false;
    if (!spoken.includes("openai-responses") || !needsResponses(target.model, true, "high")) return false;
    const { effort } = this.#decode().request.reasoning;
    return needsResponses(target.model, true, effort);
  }

  refuse(failure: Failure) {
    return refusal(this.#client, failure, this.#record);
  }

  failInBand(failure: Failure): string | null {
    if (this.#writer !== null) return this.#writer.encoder.fail(failure);
    return this.#client.encodeStreamError(failure, this.#relayed?.inspector ?? null);
  }

  streamHead(): string[] {
    const headers = ["content-type", this.#clientType, "cache-control", "no-cache, no-transform"];
    headers.push("x-accel-buffering", "no", "x-request-id", this.#record.from.requestId);
    return headers;
  }

  ping(): string {
    if (this.#writer !== null) return this.#writer.encoder.ping();
    if (this.#facts.jsonArray || this.#client.framing === "ndjson") return " ";
    if (this.#client.name === "anthropic" && this.#relayed !== null)
      return 'event: ping\ndata: {"type":"ping"}\n\n';
    return ": keep-alive\n\n";
  }

  broken(): Broken | null {
    if (this.#writer !== null) {
      const { text, sawToolCall, sawOther } = this.#writer;
      return text === null || sawToolCall || sawOther ? null : this.#repairable(text);
    }
    const relayed = this.#relayed;
    if (relayed === null || relayed.sawToolCall) return null;
    const escaped = relayed.inspector.text;
    if (escaped === null) return null;
    try {
      const text = String(JSON.parse(`"${escaped.toString("utf8")}"`));
      // Something else than text was shown (a refusal, an image): it cannot be gone on with.
      return text === "" && relayed.sawText ? null : this.#repairable(text);
    } catch {
      return null; // an escape that was cut by the break
    }
  }

  release(): void {
    this.#facts = { ...this.#facts, body: NOTHING };
    this.#opened = OPENED_NOTHING;
    this.#inlined?.release();
    this.#inlined = null;
  }

  #repairable(text: string): Broken | null {
    const { sampling, format } = this.#decode().request;
    if ((sampling.n ?? 1) > 1 || sampling.logprobs === true || (sampling.topLogprobs ?? 0) > 0) return null;
    return { text, exact: format?.kind === "schema" };
  }

  get #clientType(): string {
    return this.#facts.jsonArray ? "application/json" : this.#client.streamContentType;
  }

  #relay(target: Target, path: string, rework: Rework): PreparedSend {
    const { body } = this.#facts;
    const context = this.#context(target, rework);
    const edits = this.#client.passThroughEdits(body, context);
    const pieces = completeChatBody(applyEdits(body, edits), target, this.#record.exchange.headers);
    const clientQuery = this.#client.name === "gemini" && this.#facts.jsonArray;
    return {
      method: "POST",
      path: clientQuery ? path.replace("?alt=sse", "") : path,
      headers: targetHeaders(this.#record.exchange.headers, target.provider, "identity"),
      body: pieces,
      stream: this.stream,
      speaksCallers: true,
      decodeError: this.#client.decodeError,
      createReader: (attempt, head) =>
        this.stream ? this.#relayReader(attempt, head, context) : this.#relayWhole(attempt, head),
    };
  }

  #relayReader(attempt: Attempt, head: ResponseHead, context: ConvertContext): AnswerReader {
    const type = headerValue(head.headers, "content-type");
    const echoModel = this.#echo;
    if (type.includes("application/json") && !this.#facts.jsonArray) {
      // A stream was asked for and a whole answer came (an old server, or an error in a 200).
      return this.#wholeAsStream(attempt, head, this.#client, context);
    }
    const inspector = this.#client.createInspector({
      keepText: this.#record.alias?.continuation === true ? MAX_KEPT_TEXT : 0,
    });
    const reader = new RelayStream(attempt, {
      framing: this.#facts.jsonArray
        ? "json-array"
        : type.includes("ndjson")
          ? "ndjson"
          : this.#client.framing,
      inspector,
      showUsage: this.#facts.showUsage,
      echoModel,
      terminator: this.#facts.jsonArray ? "]" : terminatorOf(this.#client.name),
      onDelivered: (stream) => {
        this.#relayed = stream;
        if (this.#client.name === "openai-responses")
          noteId(this.#core, this.#record, stream.inspector.position().id, attempt.target);
      },
      start: (to) =>
        to.start(
          200,
          this.#head(
            attempt,
            head,
            headerValue(head.headers, "content-encoding") === "" && RAW.some((raw) => type.includes(raw)),
          ),
        ),
    });
    return reader;
  }

  #relayWhole(attempt: Attempt, head: ResponseHead): AnswerReader {
    const sameBody = headerValue(head.headers, "content-encoding") === "";
    const echo = this.#echo;
    const type = headerValue(head.headers, "content-type") || "application/json";
    const headers = () =>
      writeHead(this.#record, attempt, head, this.#core.time.clock, {
        sameBody,
        contentType: type,
        stream: false,
      });
    return new WholeAnswer(attempt, {
      holdBytes: HOLD_BYTES,
      mustHold: false,
      json: true,
      decodeError: this.#client.decodeError,
      readUsage: this.#client.readUsage,
      read: (body) => (to) => {
        noteIds(this.#core, this.#record, body, attempt.target);
        to.respond(head.status, headers(), echo === "" ? body : createModelRewriter(echo)(body));
      },
      start: (to) => to.start(head.status, headers()),
    });
  }

  #convert(target: Target, path: string, name: SpokenProtocol, rework: Rework): PreparedSend | PendingSend {
    const upstream = protocolNamed(name);
    const { request: decoded, opened } = this.#decode();
    const context = this.#context(target, rework);
    const sources = upstream.sourcesToInline?.(decoded, context) ?? NO_SOURCES;
    if (sources.length > 0) {
      const { maxRequestBytes } = this.#record.snapshot.config.limits;
      this.#inlined ??= new InlinedSources(this.#core, opened.large, maxRequestBytes);
      const pending = this.#inlined.pending(sources);
      if (pending !== null) return pending;
    }
    const request = this.#inlined === null ? decoded : this.#inlined.replace(decoded, sources);
    const asked = rework.continuation === null ? request : continueRequest(request, rework.continuation);
    const encoded = upstream.encodeRequest({ ...asked, model: target.model, stream: this.stream }, context);
    let extra = "";
    for (let i = 0; i < encoded.headers.length; i += 2)
      extra += `${encoded.headers[i]}: ${encoded.headers[i + 1]}\r\n`;
    const prefix = encoded.thinks === false ? "" : prefixOf(request, context);
    const answer = this.#answerContext(target, context, request, prefix);
    return {
      method: "POST",
      path,
      headers: targetHeaders(this.#record.exchange.headers, target.provider, "identity") + extra,
      body: completeChatBody(encoded.body, target, this.#record.exchange.headers),
      stream: this.stream,
      decodeError: upstream.decodeError,
      createReader: (attempt, head) => {
        if (!this.stream) return this.#convertWhole(attempt, head, upstream, context, answer);
        const type = headerValue(head.headers, "content-type");
        if (type.includes("application/json")) return this.#wholeAsStream(attempt, head, upstream, context);
        return new ConvertStream(attempt, {
          framing: type.includes("ndjson") ? "ndjson" : upstream.framing,
          decoder: upstream.createDecoder(context),
          emulatedStop: encoded.emulatedStop,
          createWriter: (to) => this.#openWriter(attempt, head, answer, to, rework),
        });
      },
    };
  }

  #convertWhole(
    attempt: Attempt,
    head: ResponseHead,
    upstream: ChatProtocol,
    context: ConvertContext,
    answer: AnswerContext,
  ): AnswerReader {
    return new WholeAnswer(attempt, {
      holdBytes: this.#record.snapshot.config.limits.maxResponseBytes,
      mustHold: true,
      json: true,
      decodeError: upstream.decodeError,
      readUsage: upstream.readUsage,
      read: (body): Trouble | ((to: Delivery) => void) => {
        const response = this.#decodeAnswer(body, upstream, context);
        if ("kind" in response) return response;
        const text = this.#client.encodeResponse(response, answer);
        return (to) => to.respond(200, this.#head(attempt, head, false, "application/json"), text);
      },
      start() {},
    });
  }

  #wholeAsStream(
    attempt: Attempt,
    head: ResponseHead,
    upstream: ChatProtocol,
    context: ConvertContext,
  ): AnswerReader {
    const stream = new ConvertStream(attempt, {
      framing: "sse",
      decoder: upstream.createDecoder(context),
      emulatedStop: [],
      createWriter: (to) => {
        const { request } = this.#decode();
        const answer = this.#answerContext(attempt.target, context, request, prefixOf(request, context));
        return this.#openWriter(attempt, head, answer, to, null);
      },
    });
    let events: StreamEvent[] = [];
    return new WholeAnswer(attempt, {
      holdBytes: this.#record.snapshot.config.limits.maxResponseBytes,
      mustHold: true,
      json: true,
      decodeError: upstream.decodeError,
      readUsage: upstream.readUsage,
      read: (body) => {
        const response = this.#decodeAnswer(body, upstream, context);
        if ("kind" in response) return response;
        events = responseEvents(response);
        return (to) => {
          stream.deliver(to);
          stream.feed(events);
        };
      },
      start() {},
    });
  }

  #decodeAnswer(body: Buffer, upstream: ChatProtocol, context: ConvertContext) {
    try {
      const opened = openBody(body, upstream.rawMembers, this.#core.time.random, ANSWER_LIMITS);
      return upstream.decodeResponse(opened.doc, { ...context, large: opened.large });
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      return trouble("not_its_type", `the answer cannot be read: ${message}`, { afterHead: true });
    }
  }

  #openWriter(
    attempt: Attempt,
    head: ResponseHead,
    answer: AnswerContext,
    to: Delivery,
    rework: Rework | null,
  ): EventWriter {
    to.start(200, this.#head(attempt, head, false, this.#clientType));
    const keep = this.#record.alias?.continuation === true;
    const continued = rework?.continuation ?? null;
    if (continued !== null) {
      // The caller's stream goes on: the same encoder, or one that takes over where the relayed bytes stopped.
      const before = this.#writer;
      const position = this.#relayed?.inspector.position();
      const encoder =
        before?.encoder ??
        this.#client.createEncoder(
          answer,
          position === undefined ? undefined : { ...position, model: attempt.target.model },
        );
      const open = before?.openText ?? null;
      this.#writer = new SpliceWriter(encoder, to, continued, open, () => attempt.fail(DEPARTED));
      return this.#writer;
    }
    this.#writer = new EventWriter(this.#client.createEncoder(answer), to, keep);
    return this.#writer;
  }

  #decode(): { request: ChatRequest; opened: OpenedBody } {
    this.#opened ??= openBody(this.#facts.body, this.#client.rawMembers, this.#core.time.random);
    this.#request ??= this.#client.decodeRequest(this.#opened.doc, {
      model: this.#record.model,
      stream: this.#facts.stream,
      large: this.#opened.large,
      carriers: this.#core.carriers,
      warn: (code, field) => warnOrRefuse(this.#record, code, field),
    });
    return { request: this.#request, opened: this.#opened };
  }

  #context(target: Target, rework: Rework): ConvertContext {
    return convertContext(this.#core, this.#record, target, {
      rework,
      scan: this.#facts.body === NOTHING ? undefined : this.#facts.scan,
      // Opened only when something looks at it: most relayed bodies are never parsed. Never kept: it holds the body.
      open: () => (this.#opened ?? this.#decode().opened).large,
    });
  }

  #answerContext(
    target: Target,
    context: ConvertContext,
    request: ChatRequest,
    prefix: string,
  ): AnswerContext {
    return {
      requestModel: this.#record.model,
      answerModel: this.#echo,
      request: { ...request, includeUsage: this.#facts.showUsage || request.includeUsage },
      random: context.random,
      now: context.now,
      // Too late for a refusal, whatever the alias says.
      warn: (code, field) => this.#record.warn(code, field, target.label),
      promptEstimate: this.#record.promptTokens,
      names: context.names,
      carriers: context.carriers,
      origin: { vendor: context.vendor, model: target.model, prefix },
      elapsedMs: () => this.#core.time.clock.now() - this.#record.startedAt,
      jsonArray: this.#facts.jsonArray,
    };
  }

  get #echo(): string {
    return this.#record.alias?.echoAlias === true ? this.#record.model : "";
  }

  #head(attempt: Attempt, head: ResponseHead, sameBody: boolean, contentType = this.#clientType): string[] {
    return writeHead(this.#record, attempt, head, this.#core.time.clock, {
      sameBody,
      contentType,
      stream: this.stream,
    });
  }
}

const NOTHING = Buffer.alloc(0);
const NO_SOURCES: readonly MediaSource[] = [];
const OPENED_NOTHING = openBody(Buffer.from("{}"), [], { next: () => 0 });

/** Only Claude binds its thinking to what stands before it: for others the hash is not worth its time. */
function prefixOf(request: ChatRequest, context: ConvertContext): string {
  return context.vendor === "anthropic" ? prefixHash(request, context.large) : "";
}

const DEPARTED: Trouble = trouble(
  "departed",
  "the answer could not be continued: the next target began another one",
  {
    afterHead: true,
  },
);
