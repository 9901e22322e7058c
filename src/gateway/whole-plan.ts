/** What the plans of requests without a stream have in common: embeddings, reranking, counting, stored responses. */
import { badRequest, type Failure } from "../base/failure.ts";
import { headerValue } from "../base/headers.ts";
import type { ChatProtocol } from "../protocols/protocol.ts";
import type { SpokenProtocol } from "../providers/provider.ts";
import type { ResponseHead } from "../upstream/client.ts";
import { writeHead } from "./answer-head.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import type { Core } from "./core.ts";
import type { Plan, PreparedSend } from "./plan.ts";
import type { RequestRecord } from "./record.ts";
import { type Refusal, refusal } from "./refusal.ts";
import type { Target } from "./target.ts";
import { WholeAnswer } from "./whole-answer.ts";

interface WholePlanOptions {
  readonly endpoint: string;
  readonly idInPath?: boolean;
  /** Throws a Failure when the request cannot be put to this target. */
  readonly prepare: (target: Target) => PreparedSend;
  readonly refuse?: (failure: Failure) => Refusal | null;
}

/** A plan whose answer comes at once: a connection that is cut is the only error inside it. */
export function wholePlan(client: ChatProtocol, record: RequestRecord, options: WholePlanOptions): Plan {
  // The body hangs on this function: dropping it lets go of both.
  let prepare: WholePlanOptions["prepare"] | null = options.prepare;
  return {
    stream: false,
    endpoint: options.endpoint,
    idInPath: options.idInPath ?? false,
    prepare(target) {
      if (prepare === null) throw new Error("prepared after the body was let go");
      return prepare(target);
    },
    refuse: (failure) => options.refuse?.(failure) ?? refusal(client, failure, record),
    failInBand: () => null,
    streamHead: () => [],
    ping: () => "",
    broken: () => null,
    release() {
      prepare = null;
    },
  };
}

/** Bytes held so that a cut answer can still be asked elsewhere (30-routing.md). */
const HOLD_BYTES = 8 * 1024 * 1024;

/** Relays a JSON answer as it came. `look` sees the whole body where it was held. */
export function relayAnswer(
  core: Core,
  record: RequestRecord,
  protocol: ChatProtocol,
  look?: (body: Buffer, attempt: Attempt) => void,
): (attempt: Attempt, head: ResponseHead) => AnswerReader {
  return (attempt, head) => {
    const headers = () =>
      writeHead(record, attempt, head, core.time.clock, {
        sameBody: headerValue(head.headers, "content-encoding") === "",
        contentType: headerValue(head.headers, "content-type") || "application/json",
        stream: false,
      });
    return new WholeAnswer(attempt, {
      holdBytes: HOLD_BYTES,
      mustHold: false,
      json: true,
      decodeError: protocol.decodeError,
      readUsage: protocol.readUsage,
      read: (body) => (to) => {
        look?.(body, attempt);
        to.respond(head.status, headers(), body);
      },
      start: (to) => to.start(head.status, headers()),
    });
  };
}

/** Head of an answer that was written here. */
export function convertedHead(
  core: Core,
  record: RequestRecord,
  attempt: Attempt,
  head: ResponseHead,
): string[] {
  return writeHead(record, attempt, head, core.time.clock, {
    sameBody: false,
    contentType: "application/json",
    stream: false,
  });
}

/** The target's request target; throws Failure 400 `unsupported_endpoint` where it has none. */
export function endpointPath(
  target: Target,
  call: {
    readonly operation: "embed" | "rerank" | "count";
    readonly protocol: SpokenProtocol;
    readonly rest?: string;
  },
): string {
  const { kind, facts } = target.provider;
  const path = kind.path(facts, { rest: "", ...call, model: target.model, stream: false });
  if (path === null) throw lacksEndpoint(target, call.operation);
  return path;
}

export function lacksEndpoint(target: Target, what: string): Failure {
  return badRequest(`${target.label} has no endpoint for ${what}`, "unsupported_endpoint");
}

/** Throws what an alias with `strict` makes of a loss; else notes it for `x-sluice-warning`, towards one target (its label) if given. */
export function warnOrRefuse(record: RequestRecord, code: string, field: string, target = ""): void {
  if (record.alias?.strict === true) {
    throw badRequest(
      `${field} cannot be carried over to this target (${code}), and the alias is strict`,
      code,
      field,
    );
  }
  record.warn(code, field, target);
}
