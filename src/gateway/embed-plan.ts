/** Embeddings: relayed where the target speaks the caller's dialect, else converted and cut into what the upstream takes at once. */
import { randomUUID } from "node:crypto";
import { applyEdits, type Edit, insertMembers, replaceValue } from "../base/json-edit.ts";
import { watchNames } from "../base/json-names.ts";
import { findMember, type Member, scanArray, scanObject } from "../base/json-scan.ts";
import type { ClientRoute } from "../http/route.ts";
import { openBody } from "../protocols/body.ts";
import { joinAnswers, splitInputs } from "../protocols/embeddings/batch.ts";
import type {
  EmbeddingProtocol,
  EmbeddingProtocolName,
  EmbeddingRequest,
  EmbeddingUpstream,
} from "../protocols/embeddings/embedding.ts";
import { embeddingProtocols, embeddingUpstreams } from "../protocols/embeddings/registry.ts";
import { estimateRequest } from "../protocols/estimate.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import { protocolNamed } from "../protocols/registry.ts";
import { BatchAnswer } from "./batch-answer.ts";
import { mergeExtra } from "./body-additions.ts";
import type { Core } from "./core.ts";
import { targetHeaders } from "./forwarded-headers.ts";
import { answerAtOnce, type Immediate } from "./immediate.ts";
import type { Plan, PreparedSend } from "./plan.ts";
import type { RequestRecord } from "./record.ts";
import type { RequestFacts } from "./request-facts.ts";
import type { Target } from "./target.ts";
import {
  convertedHead,
  endpointPath,
  lacksEndpoint,
  relayAnswer,
  warnOrRefuse,
  wholePlan,
} from "./whole-plan.ts";

const DIALECTS: Readonly<Partial<Record<ProtocolName, EmbeddingProtocolName>>> = {
  "openai-chat": "openai",
  gemini: "gemini",
  cohere: "cohere",
  "cohere-v1": "cohere-v1",
  ollama: "ollama",
};

/** `null` is the longest way to say nothing. */
const EMPTY_BYTES = 4;

/** What an embedding request becomes; an Ollama request without input only loads the model and is answered at once. */
export function planEmbed(
  core: Core,
  record: RequestRecord,
  route: ClientRoute,
  body: Buffer,
  facts: RequestFacts,
): Plan | Immediate {
  const request = new EmbedRequest(core, record, route, body, facts);
  // Only what looks empty is opened for it.
  const input = findMember(facts.scan, "input") ?? findMember(facts.scan, "prompt");
  const mayBeEmpty = input === undefined || input.end - input.start <= EMPTY_BYTES;
  if (route.protocol === "ollama" && mayBeEmpty && request.neutral.inputs.length === 0) {
    const answer = { id: "", model: record.model, vectors: [], promptTokens: 0 };
    return answerAtOnce(record, request.encodeAnswer(answer, record.model));
  }
  return wholePlan(protocolNamed(route.protocol), record, {
    endpoint: "embed",
    prepare: (target) => request.prepare(target),
  });
}

class EmbedRequest {
  readonly #core: Core;
  readonly #record: RequestRecord;
  readonly #route: ClientRoute;
  readonly #body: Buffer;
  readonly #facts: RequestFacts;
  readonly #dialect: EmbeddingProtocol;
  #opened: {
    readonly request: EmbeddingRequest;
    readonly large: ReturnType<typeof openBody>["large"];
  } | null = null;

  constructor(core: Core, record: RequestRecord, route: ClientRoute, body: Buffer, facts: RequestFacts) {
    this.#core = core;
    this.#record = record;
    this.#route = route;
    this.#body = body;
    this.#facts = facts;
    this.#dialect = embeddingProtocols[DIALECTS[route.protocol] ?? "openai"];
  }

  get neutral(): EmbeddingRequest {
    return this.#open().request;
  }

  prepare(target: Target): PreparedSend {
    const { kind, facts } = target.provider;
    const spoken = kind.speaks(facts, target.model).filter((name) => DIALECTS[name] !== undefined);
    const other = spoken[0];
    if (other === undefined) throw lacksEndpoint(target, "embeddings");
    const way = kind.embeds?.(target.model) ?? null;
    if (way !== null) {
      const path = endpointPath(target, { operation: "embed", protocol: other });
      return this.#convert(target, path, other, embeddingUpstreams[way]);
    }
    const same = spoken.find((name) => DIALECTS[name] === this.#dialect.name);
    if (same !== undefined) {
      const path = endpointPath(target, {
        operation: "embed",
        protocol: same,
        rest: nativeRest(this.#route),
      });
      return this.#relay(target, path);
    }
    const path = endpointPath(target, { operation: "embed", protocol: other });
    return this.#convert(target, path, other, embeddingProtocols[DIALECTS[other] ?? "openai"]);
  }

  encodeAnswer(answer: Parameters<EmbeddingProtocol["encodeResponse"]>[0], model: string): string {
    const { request, large } = this.#open();
    const promptEstimate = answer.promptTokens ?? estimateRequest(this.#body);
    return this.#dialect.encodeResponse(answer, { request, model, id: randomUUID(), promptEstimate, large });
  }

  #relay(target: Target, path: string): PreparedSend {
    const protocol = protocolNamed(this.#route.protocol);
    const edits = modelEdits(this.#body, this.#facts, target.model, this.#route);
    return {
      method: "POST",
      path,
      headers: targetHeaders(this.#record.exchange.headers, target.provider),
      body: mergeExtra(applyEdits(this.#body, edits), target),
      stream: false,
      speaksCallers: true,
      decodeError: protocol.decodeError,
      createReader: relayAnswer(this.#core, this.#record, protocol),
    };
  }

  #convert(target: Target, path: string, spoken: ProtocolName, upstream: EmbeddingUpstream): PreparedSend {
    const { request, large } = this.#open();
    const batches = splitInputs(request, upstream.batchLimit);
    const encode = (batch: EmbeddingRequest) => {
      const warn = (code: string, field: string) => warnOrRefuse(this.#record, code, field, target.label);
      return mergeExtra(upstream.encodeRequest(batch, { model: target.model, warn, large }), target);
    };
    const { decodeError } = protocolNamed(spoken);
    let reader: BatchAnswer | null = null;
    return {
      method: "POST",
      path,
      headers: targetHeaders(this.#record.exchange.headers, target.provider),
      // The first one is written before anything is sent: what cannot be carried is told at once.
      body: encode(batches[0] ?? request),
      stream: false,
      decodeError,
      createReader: (attempt, head) => {
        reader ??= new BatchAnswer(attempt, {
          batches: batches.length,
          maxBytes: this.#record.snapshot.config.limits.maxResponseBytes,
          decodeError,
          body: (index) => encode(batches[index] ?? request),
          decode: (doc, index) => upstream.decodeResponse(doc, batches[index] ?? request),
          write: (answers, to) => {
            const joined = joinAnswers(answers);
            const echo = this.#record.alias?.echoAlias === true ? this.#record.model : "";
            const text = this.encodeAnswer(joined, echo || joined.model || target.model);
            // Of several answers none speaks for all.
            const shown = batches.length === 1 ? head : { status: head.status, headers: [] };
            return () => to.respond(200, convertedHead(this.#core, this.#record, attempt, shown), text);
          },
        });
        return reader;
      },
    };
  }

  #open() {
    if (this.#opened === null) {
      const { doc, large } = openBody(this.#body, [], this.#core.time.random);
      const context = { model: this.#route.model || this.#record.model, verb: verbOf(this.#route), large };
      this.#opened = { request: this.#dialect.decodeRequest(doc, context), large };
    }
    return this.#opened;
  }
}

function verbOf(route: ClientRoute): string {
  if (route.protocol === "gemini")
    return route.operation === "embed-batch" ? "batchEmbedContents" : "embedContent";
  return route.operation === "embed-one" ? "embeddings" : "embed";
}

/** Which of its two endpoints a target of the same dialect is asked at. */
function nativeRest(route: ClientRoute): string {
  if (route.protocol === "gemini") return `:${verbOf(route)}`;
  return route.protocol === "ollama" ? `/${verbOf(route)}` : "";
}

const REQUESTS = watchNames(["requests"]);
const MODEL = watchNames(["model"]);

/** The model's name wherever the body holds it; Gemini repeats it in every request of a batch. */
function modelEdits(body: Buffer, facts: RequestFacts, model: string, route: ClientRoute): Edit[] {
  const member = findMember(facts.scan, "model");
  if (route.protocol !== "gemini") {
    const name = JSON.stringify(model);
    return member === undefined
      ? insertMembers(facts.scan, [{ name: "model", json: name }])
      : [replaceValue(member, name)];
  }
  const name = JSON.stringify(`models/${model}`);
  const edits = member === undefined ? [] : [replaceValue(member, name)];
  const requests = findMember(scanObject(body, REQUESTS), "requests");
  if (requests === undefined || body[requests.start] !== 0x5b) return edits;
  for (const entry of scanArray(body, requests.start, requests.end)) {
    const inner: Member | undefined =
      body[entry.start] === 0x7b
        ? findMember(scanObject(body, MODEL, entry.start, entry.end), "model")
        : undefined;
    if (inner !== undefined) edits.push(replaceValue(inner, name));
  }
  return edits;
}
