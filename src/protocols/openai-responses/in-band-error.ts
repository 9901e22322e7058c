/** `response.failed`: how a Responses stream says that it will not be finished. */
import { Failure } from "../../base/failure.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import type { StreamPosition } from "../protocol.ts";
import { writeResponse } from "./envelope.ts";

/**
 * Codes by which Codex decides: context_length_exceeded, insufficient_quota and usage_not_included are final, the rest is
 * asked again; of rate limits it parses "Please try again in N s" (40-protocols 3.6).
 */
function describeFailure(failure: Failure): { code: string; message: string } {
  switch (failure.kind) {
    case "rate_limit": {
      const seconds = Math.max(1, Math.ceil((failure.retryAfterMs ?? 1000) / 1000));
      return {
        code: "rate_limit_exceeded",
        message: `${failure.message.replace(/[.\s]+$/, "")}. Please try again in ${seconds} s.`,
      };
    }
    case "quota":
      return { code: "insufficient_quota", message: failure.message };
    case "context_too_long":
      return { code: "context_length_exceeded", message: failure.message };
    case "bad_request":
    case "content_filter":
      return { code: "invalid_prompt", message: failure.message };
    default:
      return { code: "server_error", message: failure.message };
  }
}

/** An upstream's in-band error as a Failure, for streams that are converted. */
export function toStreamFailure(error: UpstreamErrorInfo): Failure {
  const code = error.code === "" ? "upstream_error" : error.code;
  const details = error.retryAfterMs === null ? { code } : { code, retryAfterMs: error.retryAfterMs };
  if (code === "insufficient_quota") return new Failure("quota", error.message, details);
  if (code === "context_length_exceeded") return new Failure("context_too_long", error.message, details);
  if (error.status === 429 || code.startsWith("rate_limit"))
    return new Failure("rate_limit", error.message, details);
  return new Failure("upstream", error.message, details);
}

/** The last events of a stream that stands at `position`: a stream that has not begun begins first. */
export function writeFailed(position: StreamPosition, failure: Failure): string {
  const { id, model, created, items } = position;
  const head = { id, model, created };
  let sequence = position.sequence;
  let text = "";
  if (!position.started) {
    const response = writeResponse({ head, status: "in_progress", echo: undefined, items: [], usage: null });
    text = writeLifecycle("response.created", sequence, response);
    sequence++;
  }
  const error = describeFailure(failure);
  const response = writeResponse({ head, status: "failed", echo: undefined, items, usage: null, error });
  return text + writeLifecycle("response.failed", sequence, response);
}

export function writeLifecycle(type: string, sequence: number, response: string): string {
  return `event: ${type}\ndata: {"type":"${type}","sequence_number":${sequence},"response":${response}}\n\n`;
}
