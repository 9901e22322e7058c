/** Errors as whole answers, in the caller's protocol (20-http.md, Errors). */
import type { Failure } from "../base/failure.ts";
import type { ChatProtocol } from "../protocols/protocol.ts";
import { appendRequestId, appendRoute } from "./answer-head.ts";
import type { RequestRecord } from "./record.ts";

export interface Refusal {
  readonly status: number;
  readonly headers: string[];
  readonly body: string;
}

/** `record` null: nothing is known of a route. */
export function refusal(
  protocol: ChatProtocol,
  failure: Failure,
  record: RequestRecord | null,
  requestId = "",
): Refusal {
  const id = record?.from.requestId ?? requestId;
  const answer = protocol.encodeError(failure, id);
  const headers = ["content-type", "application/json", ...answer.headers];
  if (record !== null && record.alias !== null) appendRoute(headers, record, record.attempts.length);
  else appendRequestId(headers, protocol.name, id);
  return { status: answer.status, headers, body: answer.body };
}
