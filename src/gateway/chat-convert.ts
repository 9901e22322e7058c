/** A chat converted to a target's protocol, through the neutral form, and its answer back. */
import { headerValue } from "../base/headers.ts";
import { responseEvents } from "../protocols/answer-assembly.ts";
import { ANSWER_LIMITS, openBody } from "../protocols/body.ts";
import type { ChatRequest, ChatResponse, MediaSource } from "../protocols/neutral.ts";
import { prefixHash } from "../protocols/prefix-hash.ts";
import type { AnswerContext, ChatProtocol, ConvertContext } from "../protocols/protocol.ts";
import { protocolNamed } from "../protocols/registry.ts";
import { cutAtStops } from "../protocols/stop-emulation.ts";
import type { SpokenProtocol } from "../providers/provider.ts";
import type { ResponseHead } from "../upstream/client.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import { completeChatBody } from "./body-additions.ts";
import type { ChatState } from "./chat-state.ts";
import { continueRequest, SpliceWriter } from "./continuation.ts";
import { ConvertStream } from "./convert-stream.ts";
import type { Delivery } from "./delivery.ts";
import { EventWriter } from "./event-writer.ts";
import { targetHeaders } from "./forwarded-headers.ts";
import { InlinedSources } from "./inline-sources.ts";
import type { PendingSend, PreparedSend, Rework } from "./plan.ts";
import type { Target } from "./target.ts";
import { type Trouble, trouble } from "./trouble.ts";
import { watchWith } from "./watch-stream.ts";
import { WholeAnswer } from "./whole-answer.ts";

const NO_SOURCES: readonly MediaSource[] = [];

/** Throws Failure (400). */
export function convertChat(
  state: ChatState,
  target: Target,
  path: string,
  name: SpokenProtocol,
  rework: Rework,
): PreparedSend | PendingSend {
  const { core, record, facts } = state;
  const { headers } = record.exchange;
  const { stream } = facts;
  const upstream = protocolNamed(name);
  const { request: decoded, opened } = state.decode();
  const context = state.context(target, rework);
  const sources = upstream.sourcesToInline?.(decoded, context) ?? NO_SOURCES;
  if (sources.length > 0) {
    state.inlined ??= new InlinedSources(core, opened.large, record.snapshot.config.limits.maxRequestBytes);
    const pending = state.inlined.pending(sources);
    if (pending !== null) return pending;
  }
  const request = state.inlined === null ? decoded : state.inlined.replace(decoded, sources);
  const asked = rework.continuation === null ? request : continueRequest(request, rework.continuation);
  const encoded = upstream.encodeRequest({ ...asked, model: target.model, stream }, context);
  const { emulatedStop } = encoded;
  let extra = "";
  for (let i = 0; i < encoded.headers.length; i += 2)
    extra += `${encoded.headers[i]}: ${encoded.headers[i + 1]}\r\n`;
  const prefix = encoded.thinks === false ? "" : prefixOf(request, context);
  const answer = answerContext(state, target, context, request, prefix);
  return {
    method: "POST",
    path,
    headers: targetHeaders(headers, target.provider) + extra,
    body: completeChatBody(encoded.body, target, headers),
    stream,
    decodeError: upstream.decodeError,
    createReader: (attempt, head) => {
      if (!stream) return convertWhole(state, attempt, head, upstream, context, answer, emulatedStop);
      const type = headerValue(head.headers, "content-type");
      if (type.includes("application/json"))
        return wholeAsStream(state, attempt, head, upstream, context, emulatedStop);
      return new ConvertStream(attempt, {
        framing: type.includes("ndjson") ? "ndjson" : upstream.framing,
        decoder: upstream.createDecoder(context),
        emulatedStop,
        candidates: request.sampling.n ?? 1,
        createWriter: (to) => openWriter(state, attempt, head, answer, to, rework),
      });
    },
    watcher: () => watchWith(upstream, false),
  };
}

function convertWhole(
  state: ChatState,
  attempt: Attempt,
  head: ResponseHead,
  upstream: ChatProtocol,
  context: ConvertContext,
  answer: AnswerContext,
  emulatedStop: readonly string[],
): AnswerReader {
  return heldWhole(state, attempt, upstream, context, (response) => {
    const text = state.client.encodeResponse(cutAtStops(response, emulatedStop), answer);
    return (to) => to.respond(200, state.head(attempt, head, false, "application/json"), text);
  });
}

/** A whole answer where a stream was asked for, as the stream it should have been. */
export function wholeAsStream(
  state: ChatState,
  attempt: Attempt,
  head: ResponseHead,
  upstream: ChatProtocol,
  context: ConvertContext,
  emulatedStop: readonly string[],
): AnswerReader {
  const stream = new ConvertStream(attempt, {
    framing: "sse",
    decoder: upstream.createDecoder(context),
    emulatedStop: [],
    candidates: 1,
    createWriter: (to) => {
      const { request } = state.decode();
      const answer = answerContext(state, attempt.target, context, request, prefixOf(request, context));
      return openWriter(state, attempt, head, answer, to, null);
    },
  });
  return heldWhole(state, attempt, upstream, context, (response) => {
    const events = responseEvents(cutAtStops(response, emulatedStop));
    return (to) => {
      stream.deliver(to);
      stream.feed(events);
    };
  });
}

/** `write`: from what was read of it, what writes the caller's answer. */
function heldWhole(
  state: ChatState,
  attempt: Attempt,
  upstream: ChatProtocol,
  context: ConvertContext,
  write: (response: ChatResponse) => (to: Delivery) => void,
): AnswerReader {
  return new WholeAnswer(attempt, {
    holdBytes: state.record.snapshot.config.limits.maxResponseBytes,
    mustHold: true,
    json: true,
    decodeError: upstream.decodeError,
    readUsage: upstream.readUsage,
    usageCounts: upstream.usageCounts,
    known: attempt.target.provider.answers,
    read: (body) => {
      try {
        return write(decodeAnswer(state, body, upstream, context));
      } catch (thrown) {
        const message = thrown instanceof Error ? thrown.message : String(thrown);
        return trouble("not_its_type", `the answer cannot be read: ${message}`, { afterHead: true });
      }
    },
    start() {},
  });
}

function decodeAnswer(
  state: ChatState,
  body: Buffer,
  upstream: ChatProtocol,
  context: ConvertContext,
): ChatResponse {
  const { doc, large } = openBody(body, upstream.rawMembers, state.core.time.random, ANSWER_LIMITS);
  // Its accessors are not copied with the rest.
  const { now, names } = context;
  return upstream.decodeResponse(doc, { ...context, now, names, large });
}

function openWriter(
  state: ChatState,
  attempt: Attempt,
  head: ResponseHead,
  answer: AnswerContext,
  to: Delivery,
  rework: Rework | null,
): EventWriter {
  const { client } = state;
  const { memory } = attempt;
  to.start(200, state.head(attempt, head, false));
  state.forgetScan();
  const continued = rework?.continuation ?? null;
  if (continued === null) {
    const kept = state.record.alias?.continuation === true ? memory : null;
    state.writer = new EventWriter(client.createEncoder(answer), to, kept);
    return state.writer;
  }
  // The caller's stream goes on: the same encoder, or one that takes over where the relayed bytes stopped.
  const before = state.writer;
  const position = state.relayed?.inspector.position();
  const resume = position === undefined ? undefined : { ...position, model: attempt.target.model };
  const encoder = before?.encoder ?? client.createEncoder(answer, resume);
  state.writer = new SpliceWriter(encoder, to, continued, before?.openText ?? null, memory, () =>
    attempt.fail(DEPARTED),
  );
  return state.writer;
}

function answerContext(
  state: ChatState,
  target: Target,
  context: ConvertContext,
  request: ChatRequest,
  prefix: string,
): AnswerContext {
  const { core, record, facts } = state;
  return {
    requestModel: record.model,
    answerModel: state.echo,
    request: { ...request, includeUsage: facts.showUsage || request.includeUsage },
    random: context.random,
    now: context.now,
    // Too late for a refusal, whatever the alias says.
    warn: (code, field) => record.warn(code, field, target.label),
    promptEstimate: record.promptTokens,
    names: context.names,
    carriers: context.carriers,
    origin: { vendor: context.vendor, model: target.model, prefix },
    elapsedMs: () => core.time.clock.now() - record.startedAt,
    jsonArray: facts.jsonArray,
  };
}

/** Only Claude binds its thinking to what stands before it: for others the hash is not worth its time. */
function prefixOf(request: ChatRequest, context: ConvertContext): string {
  return context.vendor === "anthropic" ? prefixHash(request, context.large) : "";
}

const DEPARTED: Trouble = trouble(
  "departed",
  "the answer could not be continued: the next target began another one",
  { afterHead: true },
);
