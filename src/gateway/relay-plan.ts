/** Requests that only pass: legacy completions, images, audio, moderations, and whatever stands under a provider's prefix. */
import { badRequest, type Failure } from "../base/failure.ts";
import { headerValue } from "../base/headers.ts";
import { applyEdits, insertMembers, replaceValue } from "../base/json-edit.ts";
import { findMember } from "../base/json-scan.ts";
import type { Usage } from "../protocols/neutral.ts";
import {
  CONTENT,
  ERROR,
  PING,
  type StreamInspector,
  type StreamPosition,
  TERMINAL,
} from "../protocols/protocol.ts";
import { protocolNamed } from "../protocols/registry.ts";
import type { Operation } from "../providers/provider.ts";
import type { BodyBytes, ResponseHead } from "../upstream/client.ts";
import { writeHead } from "./answer-head.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import { mergeExtra } from "./body-additions.ts";
import type { Core } from "./core.ts";
import { targetHeaders } from "./forwarded-headers.ts";
import type { Broken, Plan, PreparedSend, Rework } from "./plan.ts";
import { RawAnswer } from "./raw-answer.ts";
import type { RequestRecord } from "./record.ts";
import { refusal } from "./refusal.ts";
import { RelayStream } from "./relay-stream.ts";
import type { RequestFacts } from "./request-facts.ts";
import type { Target } from "./target.ts";
import { WholeAnswer } from "./whole-answer.ts";

export interface RelayFacts {
  readonly operation: Operation;
  /** What follows the operation's base in the caller's path, e.g. `/generations`. */
  readonly rest: string;
  readonly body: Buffer;
  /** null: the body is no JSON (multipart); `replaceModel` edits it then. */
  readonly facts: RequestFacts | null;
  readonly replaceModel: ((body: Buffer, model: string) => Buffer[]) | null;
}

const HOLD_BYTES = 8 * 1024 * 1024;
const OPENAI = protocolNamed("openai-chat");

export class RelayPlan implements Plan {
  readonly stream: boolean;
  readonly endpoint: string;
  readonly idInPath = false;
  readonly #core: Core;
  readonly #record: RequestRecord;
  #facts: RelayFacts;

  constructor(core: Core, record: RequestRecord, facts: RelayFacts) {
    this.#core = core;
    this.#record = record;
    this.#facts = facts;
    this.stream = record.stream;
    this.endpoint = facts.operation;
  }

  prepare(target: Target, _rework: Rework): PreparedSend {
    const { kind, facts } = target.provider;
    const { operation, rest } = this.#facts;
    const speaksOpenai = kind.speaks(facts, target.model).includes("openai-chat");
    const path = speaksOpenai
      ? kind.path(facts, {
          operation,
          protocol: "openai-chat",
          model: target.model,
          stream: this.stream,
          rest,
        })
      : null;
    if (path === null)
      throw badRequest(`${target.label} has no endpoint for ${operation}`, "unsupported_endpoint");
    return {
      method: "POST",
      path,
      headers: targetHeaders(this.#record.exchange.headers, target.provider),
      body: this.#body(target),
      stream: this.stream,
      speaksCallers: true,
      decodeError: OPENAI.decodeError,
      createReader: (attempt, head) => this.#reader(attempt, head),
    };
  }

  refuse(failure: Failure) {
    return refusal(OPENAI, failure, this.#record);
  }

  failInBand(failure: Failure): string | null {
    return this.stream ? OPENAI.encodeStreamError(failure, null) : null;
  }

  streamHead(): string[] {
    return ["content-type", "text/event-stream; charset=utf-8", "cache-control", "no-cache, no-transform"];
  }

  ping(): string {
    return ": keep-alive\n\n";
  }

  broken(): Broken | null {
    return null;
  }

  release(): void {
    this.#facts = { ...this.#facts, body: NOTHING, facts: null };
  }

  #body(target: Target): BodyBytes {
    const { body, facts, replaceModel } = this.#facts;
    if (facts === null) return replaceModel?.(body, target.model) ?? [body];
    const member = findMember(facts.scan, "model");
    // Nobody named a model: the provider takes its own default.
    if (target.model === "") return mergeExtra([body], target);
    const name = JSON.stringify(target.model);
    const edits =
      member === undefined
        ? insertMembers(facts.scan, [{ name: "model", json: name }])
        : [replaceValue(member, name)];
    return mergeExtra(applyEdits(body, edits), target);
  }

  #reader(attempt: Attempt, head: ResponseHead): AnswerReader {
    const type = headerValue(head.headers, "content-type");
    const headers = (stream: boolean) =>
      writeHead(this.#record, attempt, head, this.#core.time.clock, {
        sameBody: headerValue(head.headers, "content-encoding") === "",
        contentType: type,
        stream,
      });
    if (type.includes("text/event-stream")) {
      return new RelayStream(attempt, {
        framing: "sse",
        inspector: new PlainInspector(),
        showUsage: true,
        echoModel: "",
        terminator: "",
        start: (to) => to.start(head.status, headers(true)),
        onDelivered() {},
      });
    }
    if (!type.includes("json")) {
      return new RawAnswer(attempt, (to) => to.start(head.status, headers(false)), false);
    }
    return new WholeAnswer(attempt, {
      holdBytes: HOLD_BYTES,
      mustHold: false,
      json: true,
      decodeError: OPENAI.decodeError,
      readUsage: OPENAI.readUsage,
      read: (body) => (to) => to.respond(head.status, headers(false), body),
      start: (to) => to.start(head.status, headers(false)),
    });
  }
}

const NOTHING = Buffer.alloc(0);
const DONE = Buffer.from("[DONE]");
const FINISHED = /"finish_reason"\s*:\s*"|"type"\s*:\s*"[a-z_.]*\.(?:completed|done)"/;
const ERROR_MARK = Buffer.from('"error"');

/** Watches a stream of which only the outline is known: any data is content. */
class PlainInspector implements StreamInspector {
  usage: Usage | null = null;
  error: StreamInspector["error"] = null;
  readonly model = "";
  readonly stop = null;
  readonly text = null;

  inspect(event: Buffer, start: number, end: number): number {
    const bytes = event.subarray(start, end);
    if (!bytes.includes(0x64) || bytes[0] === 0x3a) return PING;
    if (bytes.includes(DONE)) return TERMINAL;
    const text = bytes.toString("utf8");
    if (bytes.includes(ERROR_MARK)) {
      const data = text.slice(text.indexOf("data:") + 5).trim();
      if (/^\{\s*"error"\s*:\s*[^n]/.test(data)) {
        this.error = OPENAI.decodeError(0, data);
        return ERROR;
      }
    }
    if (text.includes('"usage"'))
      this.usage = OPENAI.readUsage(Buffer.from(text.slice(text.indexOf("data:") + 5).trim())) ?? this.usage;
    return FINISHED.test(text) ? CONTENT | 2 : CONTENT;
  }

  position(): StreamPosition {
    return { id: "", model: "", created: 0, nextIndex: 0, open: null, sequence: 0, started: true, items: [] };
  }
}
