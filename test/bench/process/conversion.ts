/** What conversion costs, in microseconds: a request and one stream event of every pair of protocols, and what is relayed as it is. */
import { EventSplitter, parseSseFields } from "../../../src/base/sse.ts";
import { LargeStringStore } from "../../../src/protocols/large-strings.ts";
import type { ChatRequest, StreamEvent } from "../../../src/protocols/neutral.ts";
import { Conversion } from "../../protocols/support/conversion.ts";
import { UPSTREAMS } from "../../protocols/support/matrix-upstreams.ts";

type Side = (typeof UPSTREAMS)[number];

const QUICK = process.env["QUICK"] === "1";
const BATCHES = QUICK ? 30 : 100;
const NO_LARGE = new LargeStringStore({ next: () => 0.5 });
const EVENTS = 400;

const HISTORY = Array.from({ length: 10 }, (_, i) => [
  { role: "user", content: `question ${i}: what about this and that, and why is it so?` },
  { role: "assistant", content: `answer ${i}: because of the one thing and the other, as was said.` },
]).flat();
const TOOL = {
  type: "function",
  function: {
    name: "search",
    description: "Searches.",
    parameters: { type: "object", properties: { q: { type: "string" } }, required: ["q"] },
  },
};
const CHAT = JSON.stringify({
  model: "m",
  messages: [...HISTORY, { role: "user", content: "go" }],
  tools: [TOOL],
});

/** The fastest of many small batches: what other work on the machine adds is left out. `work` runs `each` times a call. */
function microseconds(each: number, work: () => void): number {
  const perBatch = Math.max(1, Math.ceil(20 / each));
  for (let i = 0; i < 20 * perBatch; i++) work();
  let least = Number.POSITIVE_INFINITY;
  for (let batch = 0; batch < BATCHES; batch++) {
    const begun = performance.now();
    for (let i = 0; i < perBatch; i++) work();
    least = Math.min(least, ((performance.now() - begun) * 1000) / perBatch / each);
  }
  return least;
}

const names = UPSTREAMS.map((side) => side.name);

/** Prints a table and returns its largest figure. */
function print(title: string, rows: readonly Side[], cell: (from: Side, to: Side) => number): number {
  console.log(`\n${title}, us`);
  let most = 0;
  console.log("".padEnd(12) + names.map((name) => name.padStart(11)).join(""));
  for (const row of rows) {
    const cells = UPSTREAMS.map((column) => cell(row, column));
    console.log(row.name.padEnd(12) + cells.map((value) => value.toFixed(1).padStart(11)).join(""));
    most = Math.max(most, ...cells);
  }
  return most;
}

const chat = ((first: Side | undefined) => {
  if (first === undefined) throw new Error("no protocols");
  return first;
})(UPSTREAMS[0]);

/** The same request as a caller of that protocol writes it. */
function bodyOf(side: Side): Buffer {
  if (side === chat) return Buffer.from(CHAT);
  return Buffer.from(new Conversion(chat.protocol, side.protocol, side.options).requestText(CHAT));
}
const bodies = new Map(UPSTREAMS.map((side) => [side.name, bodyOf(side)]));
const sizes = [...bodies.values()].map((body) => body.length);

const slowestRequest = print(
  `request of ${Math.min(...sizes)} to ${Math.max(...sizes)} bytes (21 messages, one tool), callers down, upstreams across: open, decode, encode, render`,
  UPSTREAMS,
  (from, to) => {
    const body = bodies.get(from.name) ?? Buffer.alloc(0);
    const run = new Conversion(from.protocol, to.protocol, to.options);
    return microseconds(1, () => run.requestPieces(body));
  },
);

/** A text stream in many small pieces. */
function wire(upstream: Side): Buffer {
  const events = upstream.events({ text: "ab", finish: "stop" });
  const marker = events.findIndex((event) => /"(ab|b)"/.test(JSON.stringify(event)));
  const unit = events[Math.max(0, marker)];
  const middle = Array.from({ length: EVENTS }, () => unit);
  const all = [...events.slice(0, marker), ...middle, ...events.slice(marker + 1)];
  const lines = all.map((event) => {
    const [name, data] = Array.isArray(event) ? event : ["", event];
    const text = typeof data === "string" ? data : JSON.stringify(data);
    if (upstream.protocol.framing === "ndjson") return `${text}\n`;
    return `${name === "" ? "" : `event: ${name}\n`}data: ${text}\n\n`;
  });
  return Buffer.from(lines.join(""));
}

const EMPTY: ChatRequest = {
  model: "m",
  stream: true,
  system: [],
  turns: [],
  tools: [],
  sampling: {},
  reasoning: {},
  includeUsage: true,
  ext: {},
};

const slowestEvent = print(
  "one stream event, upstreams down, callers across: split, decode, order, encode",
  UPSTREAMS,
  (upstream, caller) => {
    const bytes = wire(upstream);
    const run = new Conversion(caller.protocol, upstream.protocol, {
      ...upstream.options,
      stream: true,
      answer: { elapsedMs: () => 1 },
    });
    run.request = EMPTY;
    return microseconds(EVENTS, () => stream(run, bytes, upstream.protocol.framing));
  },
);

function stream(run: Conversion, bytes: Buffer, framing: "sse" | "ndjson" | "json-array"): void {
  const decoder = run.to.createDecoder(run.convertContext(NO_LARGE));
  const encoder = run.from.createEncoder(run.answerContext());
  const fields = { event: "", data: "", hasData: false };
  const events: StreamEvent[] = [];
  const flush = () => {
    for (const event of events) encoder.encode(event);
    events.length = 0;
  };
  new EventSplitter(framing).push(bytes, {
    onEvent(buffer, start, end) {
      if (framing === "ndjson") decoder.decode(buffer.toString("utf8", start, end), "", events);
      else if (parseSseFields(buffer, start, end, fields)) decoder.decode(fields.data, fields.event, events);
      flush();
      return true;
    },
  });
  decoder.finish(events);
  flush();
}

print("relayed as it is, one stream event watched by bytes", [chat], (_chat, side) => {
  const bytes = wire(side);
  return microseconds(EVENTS, () => {
    const inspector = side.protocol.createInspector({ keepText: 262_144 });
    new EventSplitter(side.protocol.framing).push(bytes, {
      onEvent(buffer, start, end) {
        inspector.inspect(buffer, start, end);
        return true;
      },
    });
  });
});

print("relayed as it is, the request's splices", [chat], (_chat, side) => {
  const body = bodies.get(side.name) ?? Buffer.alloc(0);
  const run = new Conversion(side.protocol, side.protocol, side.options);
  const context = run.convertContext(NO_LARGE);
  return microseconds(1, () => side.protocol.passThroughEdits(body, context));
});

process.send?.({ slowestRequest, slowestEvent });
