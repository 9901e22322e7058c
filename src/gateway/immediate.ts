/** Answers the gateway gives itself: nobody is asked. */
import { appendRequestId, appendRoute } from "./answer-head.ts";
import type { RequestRecord } from "./record.ts";

export interface Immediate {
  readonly status: number;
  readonly headers: string[];
  readonly body: string;
}

/** `more`: name and value in turn. */
export function answerAtOnce(record: RequestRecord, body: string, more: readonly string[] = []): Immediate {
  const headers = ["content-type", "application/json", ...more];
  if (record.alias === null) appendRequestId(headers, record.protocol, record.from.requestId);
  else appendRoute(headers, record, 0);
  return { status: 200, headers, body };
}
