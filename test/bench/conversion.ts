/** Microseconds per request and per stream event of every pair of protocols: `node build/run.mjs test/bench/conversion.ts`. */
import { EventSplitter, parseSseFields } from "../../src/base/sse.ts";
import { LargeStringStore } from "../../src/protocols/large-strings.ts";
import type { StreamEvent } from "../../src/protocols/neutral.ts";
import { Conversion } from "../protocols/support/conversion.ts";
import { UPSTREAMS } from "../protocols/support/matrix-upstreams.ts";

const NO_LARGE = new LargeStringStore({ next: () => 0.5 });
const ROUNDS = 2000;
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
const BODY = JSON.stringify({
  model: "m",
  messages: [...HISTORY, { role: "user", content: "go" }],
  tools: [TOOL],
});

/** Best of five, so that the machine's other work counts least. */
function best(run: () => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) least = Math.min(least, run());
  return least;
}

function microseconds(rounds: number, work: () => void): number {
  return best(() => {
    const begun = performance.now();
    for (let i = 0; i < rounds; i++) work();
    return ((performance.now() - begun) * 1000) / rounds;
  });
}

const names = UPSTREAMS.map((upstream) => upstream.name);
const row = (name: string, cells: readonly number[]) =>
  console.log(name.padEnd(12) + cells.map((cell) => cell.toFixed(1).padStart(11)).join(""));
const header = () => console.log("".padEnd(12) + names.map((name) => name.padStart(11)).join(""));

const chat = UPSTREAMS[0];
if (chat === undefined) throw new Error("no protocols");

console.log(
  `request of ${BODY.length} bytes, 21 messages, one tool, from Chat to each (open, decode, encode, render), us`,
);
header();
row(
  "chat",
  UPSTREAMS.map(({ protocol, options }) => {
    const run = new Conversion(chat.protocol, protocol, options);
    return microseconds(ROUNDS / 10, () => {
      run.requestText(BODY);
    });
  }),
);

/** A text stream in many small pieces. */
function wire(upstream: (typeof UPSTREAMS)[number]): Buffer {
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

console.log("\nstream: one event, upstreams down, callers across (split, decode, order, encode), us");
header();
for (const upstream of UPSTREAMS) {
  const bytes = wire(upstream);
  const cells = UPSTREAMS.map((caller) => {
    const run = new Conversion(caller.protocol, upstream.protocol, {
      ...upstream.options,
      stream: true,
      answer: { elapsedMs: () => 1 },
    });
    run.request = {
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
    return microseconds(20, () => stream(run, bytes, upstream.protocol.framing)) / EVENTS;
  });
  row(upstream.name, cells);
}

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

console.log("\nrelayed stream: one event watched by bytes, us");
header();
row(
  "inspect",
  UPSTREAMS.map((upstream) => {
    const bytes = wire(upstream);
    return (
      microseconds(50, () => {
        const inspector = upstream.protocol.createInspector({ keepText: 262_144 });
        new EventSplitter(upstream.protocol.framing).push(bytes, {
          onEvent(buffer, start, end) {
            inspector.inspect(buffer, start, end);
            return true;
          },
        });
      }) / EVENTS
    );
  }),
);

console.log("\nrelayed request: splices for this target, us");
const relayed = Buffer.from(BODY);
row(
  "chat",
  [chat].map(({ protocol, options }) => {
    const run = new Conversion(protocol, protocol, options);
    const context = run.convertContext(NO_LARGE);
    return microseconds(ROUNDS, () => {
      protocol.passThroughEdits(relayed, context);
    });
  }),
);
