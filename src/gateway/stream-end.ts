/** Whether a stream that has ended was whole (30-routing.md, failure table). */
import { type Trouble, trouble } from "./trouble.ts";

export interface StreamSeen {
  readonly events: number;
  readonly content: boolean;
  readonly finish: boolean;
  readonly terminal: boolean;
  /** Bytes of an event that never ended. */
  readonly leftover: number;
}

/** null = whole: a finish reason, or content with the sentinel. */
export function judgeEnd(seen: StreamSeen): Trouble | null {
  if (seen.finish || (seen.content && seen.terminal)) return null;
  if (seen.content) {
    return trouble("cut", "the stream ended without its end", { afterHead: true });
  }
  if (seen.events === 0 && seen.leftover > 0) {
    return trouble("not_its_type", "the body is no event stream", { afterHead: true });
  }
  return trouble("empty", "the stream ended without content", { afterHead: true });
}
