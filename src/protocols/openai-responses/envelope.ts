/** Writes the `response` object that frames a stream and is the whole answer. */
import type { Usage } from "../neutral.ts";
import { encodeUsage, type FinalStatus, type ResponseHead } from "./types.ts";

/** Members the schema requires, for answers whose request is not known any more. */
const NO_ECHO =
  '"instructions":null,"metadata":{},"parallel_tool_calls":true,"temperature":null,"tool_choice":"auto","tools":[],"top_p":null';

export interface ResponseState {
  readonly head: ResponseHead;
  readonly status: FinalStatus | "in_progress";
  /** `"name":json,…` of the caller's request; undefined = not known. */
  readonly echo: string | undefined;
  /** Finished items, verbatim JSON. */
  readonly items: readonly string[];
  readonly usage: Usage | null;
  /** `incomplete_details.reason`. */
  readonly reason?: string | null;
  readonly error?: { readonly code: string; readonly message: string };
  /** Seconds since 1970. */
  readonly completed?: number;
}

/** JSON text of the response object; it is never kept here, hence `store:false` and no previous response. */
export function writeResponse(state: ResponseState): string {
  const { head, status, usage } = state;
  const done = status === "completed" || status === "incomplete";
  return `{"id":${JSON.stringify(head.id)},"object":"response","created_at":${head.created},"status":"${status}",\
"background":false,"completed_at":${status === "completed" ? (state.completed ?? head.created) : "null"},\
"error":${state.error === undefined ? "null" : JSON.stringify(state.error)},\
"incomplete_details":${state.reason == null ? "null" : JSON.stringify({ reason: state.reason })},\
"model":${JSON.stringify(head.model)},"output":[${state.items.join(",")}],"previous_response_id":null,"store":false,\
"usage":${done || usage !== null ? JSON.stringify(encodeUsage(usage)) : "null"},${state.echo ?? NO_ECHO}}`;
}
