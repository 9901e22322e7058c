/** What is told of a relayed stream, event by event, as one comparable value. */
import { EventSplitter } from "../../../src/base/sse.ts";
import type { AnthropicInspector } from "../../../src/protocols/anthropic/inspector.ts";
import type { ChatInspector } from "../../../src/protocols/openai-chat/inspector.ts";

/** Those that recognise events. */
export type InspectorClass = typeof ChatInspector | typeof AnthropicInspector;

interface Fact {
  readonly event: string;
  readonly flags: number;
  readonly facts: unknown;
}

/** What is told of a stream that arrives in these pieces; `walks`: every event is walked, found by its line ends. */
export function tell(
  Inspector: InspectorClass,
  pieces: readonly Buffer[],
  walks: boolean,
): { told: Fact[]; recognised: number; rest: string } {
  const inspector = new Inspector({ keepText: 150 });
  if (walks) inspector.known.learn = () => {};
  const told: Fact[] = [];
  let recognised = 0;
  const tellOf = (flags: number, buffer: Buffer, start: number, end: number) => {
    const { usage, error, model, stop } = inspector;
    const facts = {
      usage: usage === null ? null : { ...usage },
      error,
      model,
      stop,
      position: inspector.position(),
      text: inspector.text?.toString("latin1"),
    };
    told.push({ event: buffer.toString("latin1", start, end), flags, facts });
    return true;
  };
  const onEvent = (buffer: Buffer, start: number, end: number) =>
    tellOf(inspector.inspect(buffer, start, end), buffer, start, end);
  const onKnown = (buffer: Buffer, start: number, limit: number) => {
    const end = inspector.known.match(buffer, start, limit);
    if (end < 0) return -1;
    recognised++;
    tellOf(inspector.known.accept(buffer), buffer, start, end);
    return end;
  };
  const sink = walks ? { onEvent } : { onEvent, onKnown };
  const splitter = new EventSplitter("sse");
  for (const piece of pieces) splitter.push(piece, sink);
  return { told, recognised, rest: splitter.finish(sink).toString("latin1") };
}
