/** What an attempt says of itself when one of its deadlines has passed. */
import type { Timeouts } from "./target.ts";
import { type Trouble, trouble } from "./trouble.ts";

/** No content, or no whole answer, in time; `content`: some of it had come. */
export function hardTrouble(
  timeouts: Timeouts,
  { stream, content, afterHead }: { stream: boolean; content: boolean; afterHead: boolean },
): Trouble {
  const more = { afterHead };
  if (content) {
    const why = `no content for ${seconds(timeouts.contentIdle)} (timeouts.content_idle)`;
    return trouble("content_idle", why, more);
  }
  if (stream) {
    const why = `no content within ${seconds(timeouts.firstTokenMax)} (timeouts.first_token_max)`;
    return trouble("first_token_max", why, more);
  }
  return trouble(
    "answer_deadline",
    `no whole answer within ${seconds(timeouts.answer)} (timeouts.answer)`,
    more,
  );
}

export function idleTrouble(timeouts: Timeouts): Trouble {
  const why = `silent for ${seconds(timeouts.idle)} inside its answer (timeouts.idle)`;
  return trouble("idle", why, { afterHead: true });
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
