/** Answers of the gateway's own pages: JSON, text and their errors. */
import type { Failure } from "../base/failure.ts";
import type { Exchange } from "./exchange.ts";

/** Everything that goes with one request's answer besides its body. */
export interface AnswerContext {
  readonly requestId: string;
}

/** Operators' pages are never kept by anybody in between. */
export function answerJson(
  exchange: Exchange,
  status: number,
  body: object,
  context: AnswerContext,
  headers: readonly string[] = [],
): void {
  exchange.respond(
    status,
    [
      "content-type",
      "application/json",
      "cache-control",
      "no-store",
      "x-request-id",
      context.requestId,
      ...headers,
    ],
    `${JSON.stringify(body)}\n`,
  );
}

/** An error of an administrative route: `{"error":{"message","type","code"}}` (20-http.md). */
export function answerFailure(exchange: Exchange, failure: Failure, context: AnswerContext): void {
  const { message, kind: type, code, retryAfterMs } = failure;
  const retry = retryAfterMs === null ? [] : ["retry-after", String(Math.ceil(retryAfterMs / 1000))];
  answerJson(exchange, failure.status, { error: { message, type, code } }, context, [
    ...failure.headers,
    ...retry,
  ]);
}

export function answerText(
  exchange: Exchange,
  status: number,
  body: string,
  context: AnswerContext,
  headers: readonly string[] = [],
): void {
  exchange.respond(
    status,
    ["content-type", "text/plain; charset=utf-8", "x-request-id", context.requestId, ...headers],
    body,
  );
}
