/** What fake servers answer, as acts of the fake network. */
import type { UpstreamCause } from "../../src/upstream/client.ts";
import { type AnthropicOptions, anthropicEvents, anthropicMessage } from "./anthropic-answers.ts";
import type { Act, Acts } from "./fake-network.ts";
import { type OpenAiChatOptions, openaiChatEvents, openaiCompletion } from "./openai-answers.ts";

const JSON_HEADERS = ["content-type", "application/json"];
const SSE_HEADERS = ["content-type", "text/event-stream"];

export interface Pace {
  /** Until the first content, or the whole answer. */
  readonly firstMs: number;
  /** Between two events. */
  readonly everyMs?: number;
  /** Events after which it stops; -1 = never. */
  readonly cutAfter?: number;
  readonly how?: "cut" | "stall";
}

export function chat(stream: boolean, options: OpenAiChatOptions, pace: Pace): Acts {
  return stream
    ? streamed(openaiChatEvents(options), pace)
    : whole(JSON.stringify(openaiCompletion(options)), pace);
}

export function claude(stream: boolean, options: AnthropicOptions, pace: Pace): Acts {
  return stream
    ? streamed(anthropicEvents(options), pace)
    : whole(JSON.stringify(anthropicMessage(options)), pace);
}

export function refusal(status: number, body: object, headers: readonly string[] = [], afterMs = 5): Acts {
  return [
    { afterMs, head: status, headers: [...JSON_HEADERS, ...headers] },
    { afterMs: 0, data: JSON.stringify(body) },
    { afterMs: 0, end: true },
  ];
}

export function serverError(status = 500, afterMs = 5): Acts {
  return refusal(status, { error: { message: `scripted ${status}`, type: "server_error" } }, [], afterMs);
}

export function failure(cause: UpstreamCause, afterMs = 1): Acts {
  return [{ afterMs, fail: { cause, message: `scripted ${cause}` } }];
}

/** Takes the connection and never says a word. */
export const SILENCE: Acts = [{ afterMs: 1, connect: true }];

export const HEAD_AND_SILENCE: Acts = [{ afterMs: 1, head: 200, headers: SSE_HEADERS }];

function whole(body: string, pace: Pace): Acts {
  const there: Act = { afterMs: 1, connect: true };
  const start: Act = { afterMs: Math.max(0, pace.firstMs - 1), head: 200, headers: JSON_HEADERS };
  if (pace.cutAfter !== undefined && pace.cutAfter >= 0) {
    const half: Act = { afterMs: 0, data: body.slice(0, body.length / 2) };
    return pace.how === "stall" ? [there, start, half] : [there, start, half, cut(1)];
  }
  return [there, start, { afterMs: 0, data: body }, { afterMs: 0, end: true }];
}

function streamed(events: readonly string[], pace: Pace): Acts {
  const every = pace.everyMs ?? 1;
  const acts: Act[] = [{ afterMs: 1, head: 200, headers: SSE_HEADERS }];
  const count =
    pace.cutAfter !== undefined && pace.cutAfter >= 0
      ? Math.min(pace.cutAfter, events.length)
      : events.length;
  for (let i = 0; i < count; i++) {
    acts.push({
      afterMs: i === 1 ? Math.max(0, pace.firstMs - 1) : i === 0 ? 0 : every,
      data: events[i] ?? "",
    });
  }
  if (count < events.length) return pace.how === "stall" ? acts : [...acts, cut(every)];
  acts.push({ afterMs: 0, end: true });
  return acts;
}

function cut(afterMs: number): Act {
  return { afterMs, fail: { cause: "cut", message: "closed inside its answer", missing: -1 } };
}
