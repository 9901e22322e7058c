/** One part of an answer on its way into order, and what waits behind it. */
import { ArgumentScanner } from "./argument-scanner.ts";
import { InputUnwrapper } from "./input-unwrap.ts";
import type { StreamEvent } from "./neutral.ts";
import type { OrderRun } from "./order-run.ts";
import { callerTool } from "./tool-names.ts";

export type PartKind = "text" | "thinking" | "refusal" | "call";
export type PartEvent = Extract<StreamEvent, { c: number }>;
export type PartStart = Extract<StreamEvent, { type: "part" }>;
export type PartDelta = Extract<
  StreamEvent,
  { type: "text" | "think" | "refusal" | "signature" | "arguments" | "cite" }
>;

export interface OrderedPart {
  readonly source: number;
  readonly kind: PartKind;
  /** An old Claude's forced `respond` tool: its arguments are the text. */
  readonly respond: boolean;
  /** Index shown to the encoder; -1 while nothing of it was shown. */
  shown: number;
  closed: boolean;
  start: PartStart | null;
  readonly waiting: StreamEvent[];
  readonly scanner: ArgumentScanner | null;
  readonly unwrapper: InputUnwrapper | null;
  argumentChars: number;
}

/** A part without arguments, of which nothing has come yet. */
export function plainPart(source: number, kind: PartKind): OrderedPart {
  return {
    source,
    kind,
    respond: false,
    shown: -1,
    closed: false,
    start: null,
    waiting: [],
    scanner: null,
    unwrapper: null,
    argumentChars: 0,
  };
}

/** The part that begins with `event`; a call gets the name, id and shape the caller knows. */
export function partOf(event: PartStart, run: OrderRun): OrderedPart {
  if (event.kind === "image" || event.kind === "opaque") {
    run.hold(sizeOf(event));
    return { ...plainPart(event.i, "text"), closed: true, waiting: [event] };
  }
  if (event.kind !== "call") return plainPart(event.i, event.kind);
  const { names } = run.context;
  if (names.respondTool && event.name === "respond") return { ...plainPart(event.i, "text"), respond: true };
  const tool = callerTool(names, event.name);
  const namespace = event.namespace ?? tool.namespace;
  const start = {
    ...event,
    id: run.ids.take(event.id),
    name: tool.name,
    custom: event.custom || tool.custom === true,
    ...(namespace === undefined ? {} : { namespace }),
  };
  const unwraps = tool.custom === true && !event.custom ? "text" : tool.wrapped === true ? "raw" : null;
  return {
    ...plainPart(event.i, "call"),
    start,
    scanner: new ArgumentScanner(),
    unwrapper: unwraps === null ? null : new InputUnwrapper(unwraps),
  };
}

/** null: arguments, which begin no part. */
export function kindOfDelta(event: PartDelta): PartKind | null {
  if (event.type === "arguments") return null;
  if (event.type === "think" || event.type === "signature") return "thinking";
  return event.type === "refusal" ? "refusal" : "text";
}

/** Characters it takes while it waits. */
export function sizeOf(event: StreamEvent): number {
  if (event.type === "part")
    return event.kind === "image" ? event.data.length : event.kind === "opaque" ? event.raw.length : 0;
  if (event.type === "signature") return event.signature.value.length;
  return "text" in event ? event.text.length + 64 : 64;
}
