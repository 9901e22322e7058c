/** Mutated streams of every vendor through splitter, inspector, decoder and every encoder: no throw, bounded, an end. */
import assert from "node:assert/strict";
import { EventSplitter, elementStart, parseSseFields } from "../../../src/base/sse.ts";
import { openBody } from "../../../src/protocols/body.ts";
import type { ChatRequest, StreamEvent } from "../../../src/protocols/neutral.ts";
import type { ChatProtocol } from "../../../src/protocols/protocol.ts";
import { seededRandom } from "../../support/seed.ts";
import { Conversion } from "./conversion.ts";
import { CLIENTS } from "./matrix-clients.ts";
import { type MatrixUpstream, type Saying, UPSTREAMS } from "./matrix-upstreams.ts";

const SAYINGS: readonly Saying[] = [
  { thinking: "hm", text: "Grüezi 😀", finish: "stop" },
  {
    text: "I ask",
    calls: [
      { id: "call_1", name: "weather", args: { city: "Zürich", n: 1 } },
      { id: "call_2", name: "weather", args: {} },
    ],
    finish: "tool",
  },
  { text: "cut o", finish: "length" },
];

/** The bytes of a stream as the vendor frames it. */
function wireOf(upstream: MatrixUpstream, saying: Saying): Buffer {
  const events = [...upstream.events(saying)];
  const lines = events.map((event) => {
    const [name, data] = Array.isArray(event) ? (event as [string, object]) : ["", event];
    const text = typeof data === "string" ? data : JSON.stringify(data);
    if (upstream.protocol.framing === "ndjson") return `${text}\n`;
    return `${name === "" ? "" : `event: ${name}\n`}data: ${text}\n\n`;
  });
  return Buffer.from(lines.join(""));
}

const TOKENS = [
  '"',
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
  "null",
  "true",
  "-1",
  "1e999",
  '"index"',
  '"type"',
  "\n",
  "\n\n",
  "\r",
  "data: ",
  "\u0000",
  "\\u",
  "99999999",
];

function mutate(bytes: Buffer, random: () => number): Buffer {
  let out = bytes;
  for (let i = 1 + Math.floor(random() * 4); i > 0; i--) {
    const at = Math.floor(random() * out.length);
    const dice = random();
    const cut = Math.floor(random() * 40);
    if (dice < 0.3) {
      out = Buffer.from(out);
      out[at] = Math.floor(random() * 256);
    } else if (dice < 0.5) {
      out = Buffer.concat([out.subarray(0, at), out.subarray(at + cut)]);
    } else if (dice < 0.7) {
      out = Buffer.concat([out.subarray(0, at), out.subarray(Math.max(0, at - cut), at), out.subarray(at)]);
    } else if (dice < 0.95) {
      const token = TOKENS[Math.floor(random() * TOKENS.length)] ?? "";
      out = Buffer.concat([
        out.subarray(0, at),
        Buffer.from(token),
        out.subarray(at + (random() < 0.5 ? 1 : 0)),
      ]);
    } else {
      out = out.subarray(0, at);
    }
  }
  return out;
}

function dataOf(protocol: ChatProtocol, buffer: Buffer, start: number, end: number): [string, string] | null {
  if (protocol.framing === "ndjson") return ["", buffer.toString("utf8", start, end).trim()];
  if (protocol.framing === "json-array")
    return ["", buffer.toString("utf8", elementStart(buffer, start, end), end)];
  const fields = { event: "", data: "", hasData: false };
  return parseSseFields(buffer, start, end, fields) ? [fields.event, fields.data] : null;
}

/** What a caller gets of a mutated stream; asserts that it ends and is not larger than what came in allows. */
function pass(upstream: MatrixUpstream, caller: ChatProtocol, bytes: Buffer): void {
  const { protocol } = upstream;
  const run = new Conversion(caller, protocol, {
    ...upstream.options,
    stream: true,
    answer: { elapsedMs: () => 1 },
  });
  run.request = BARE;
  const inspector = protocol.createInspector({ keepText: 4096 });
  const decoder = protocol.createDecoder(run.convertContext(NO_LARGE));
  const events: StreamEvent[] = [];
  new EventSplitter(protocol.framing).push(bytes, {
    onEvent(buffer, start, end) {
      inspector.inspect(buffer, start, end);
      const found = dataOf(protocol, buffer, start, end);
      if (found !== null && found[1] !== "") decoder.decode(found[1], found[0], events);
      return true;
    },
  });
  inspector.position();
  decoder.finish(events);
  const last = events.at(-1)?.type;
  assert.ok(last === "end" || last === "error", `the decoder ends with ${last}`);
  assert.ok(events.length < 10 + 20 * bytes.length, "events are bounded by the bytes");
  const text = run.encodeStream(events);
  assert.ok(text.length > 0 && text.length < 100_000 + 200 * bytes.length, "the caller's stream is bounded");
}

const NO_LARGE = openBody(Buffer.from("{}"), [], { next: seededRandom(1) }).large;
const BARE: ChatRequest = {
  model: "m",
  stream: true,
  system: [],
  turns: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
  tools: [],
  sampling: {},
  reasoning: {},
  includeUsage: true,
  ext: {},
};

/** Runs `rounds` mutated streams. Throws with the seed and the bytes of the first that breaks a rule. */
export function fuzzStreams(rounds: number, seed: number): void {
  const random = seededRandom(seed);
  const wires = UPSTREAMS.map((upstream) => SAYINGS.map((saying) => wireOf(upstream, saying)));
  for (let round = 0; round < rounds; round++) {
    const at = round % UPSTREAMS.length;
    const upstream = UPSTREAMS[at];
    const wire = wires[at]?.[Math.floor(random() * SAYINGS.length)];
    const caller = CLIENTS[Math.floor(random() * CLIENTS.length)]?.protocol;
    if (upstream === undefined || wire === undefined || caller === undefined) continue;
    const bytes = mutate(wire, random);
    try {
      pass(upstream, caller, bytes);
    } catch (error) {
      const where = `SEED=${seed} round ${round}, ${caller.name} over ${upstream.name}`;
      throw new Error(`${where}: ${(error as Error).stack}\n${JSON.stringify(bytes.toString())}`);
    }
  }
}
