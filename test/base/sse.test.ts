import assert from "node:assert/strict";
import { test } from "node:test";
import { EventSplitter, elementStart, findSseData, parseSseFields } from "../../src/base/sse.ts";
import { seededRandom, seedOf } from "../support/seed.ts";

type Framing = "sse" | "ndjson" | "json-array";

/** What a splitter emits when the body comes in the given pieces. */
function split(framing: Framing, pieces: Buffer[], maxBytes?: number) {
  const splitter = new EventSplitter(framing, maxBytes);
  const events: string[] = [];
  const sink = {
    onEvent(buffer: Buffer, start: number, end: number) {
      events.push(buffer.toString("utf8", start, end));
      return true;
    },
  };
  let result = "ok";
  for (const [i, piece] of pieces.entries()) {
    // As a whole buffer, and as a part of one that has line ends and brackets around it.
    const around = i % 2 === 0 ? Buffer.alloc(0) : Buffer.from("\n\r\n\n]}\r");
    const bytes = Buffer.concat([around, piece, around]);
    result = splitter.push(bytes, sink, around.length, around.length + piece.length);
  }
  const rest = splitter.finish(sink).toString();
  return { events, rest, result };
}

function cut(bytes: Buffer, sizes: () => number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(1, sizes());
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

const streams: { framing: Framing; text: string; events: string[]; rest: string }[] = [
  { framing: "sse", text: "data: a\n\ndata: b\n\n", events: ["data: a\n\n", "data: b\n\n"], rest: "" },
  {
    framing: "sse",
    text: "event: x\r\ndata: ü€😀\r\n\r\n: ping\r\n\r\ndata: c\r\n",
    events: ["event: x\r\ndata: ü€😀\r\n\r\n", ": ping\r\n\r\n"],
    rest: "data: c\r\n",
  },
  { framing: "sse", text: "data: a\r\rdata: b\r\r", events: ["data: a\r\r", "data: b\r\r"], rest: "" },
  {
    framing: "sse",
    text: "data: a\r\n\ndata: b\n\r\n",
    events: ["data: a\r\n\n", "data: b\n\r\n"],
    rest: "",
  },
  {
    framing: "sse",
    text: "\ufeffdata: a\n\n\ufeffdata: b\n\n",
    events: ["data: a\n\n", "\ufeffdata: b\n\n"],
    rest: "",
  },
  {
    framing: "sse",
    text: "\n\ndata: a\u2028\u0085b\n\n",
    events: ["\n", "\n", "data: a\u2028\u0085b\n\n"],
    rest: "",
  },
  { framing: "sse", text: "data: unfinished", events: [], rest: "data: unfinished" },
  {
    framing: "ndjson",
    text: '{"a":1}\n\n{"b":2}\r\n{"c"',
    events: ['{"a":1}\n', "\n", '{"b":2}\r\n'],
    rest: '{"c"',
  },
  {
    framing: "json-array",
    text: '[{"a":"]}\\"\\\\","b":[1,{}]}\n,\r\n{"c":"}"} , {"d":{}}]\n',
    events: ['[{"a":"]}\\"\\\\","b":[1,{}]}', '\n,\r\n{"c":"}"}', ' , {"d":{}}'],
    rest: "]\n",
  },
];

test("every cut of a stream gives the same events", () => {
  for (const { framing, text, events, rest } of streams) {
    const bytes = Buffer.from(text);
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const found = split(
        framing,
        cut(bytes, () => size),
      );
      assert.deepEqual(
        found,
        { events, rest, result: "ok" },
        `${framing} in pieces of ${size}: ${JSON.stringify(text)}`,
      );
    }
    for (let at = 0; at <= bytes.length; at++) {
      const found = split(framing, [bytes.subarray(0, at), bytes.subarray(at)]);
      assert.deepEqual(found.events, events, `${framing} cut at ${at}: ${JSON.stringify(text)}`);
      assert.equal(found.rest, rest);
    }
  }
});

test("random streams with mixed line ends, cut at random, give the events of the whole", () => {
  const seed = seedOf(2);
  const random = seededRandom(seed);
  const parts = ["\n", "\r", "\r\n", "data: x", ": c", "event: e", "\n\n", "\ufeff", "€", "data:"];
  for (let round = 0; round < 3000; round++) {
    let text = "";
    for (let i = 0; i < 20; i++) text += parts[Math.floor(random() * parts.length)];
    const bytes = Buffer.from(text);
    const whole = split("sse", [bytes]);
    const found = split(
      "sse",
      cut(bytes, () => 1 + Math.floor(random() * 5)),
    );
    assert.deepEqual(found, whole, `SEED=${seed} round ${round} ${JSON.stringify(text)}`);
    const joined = whole.events.join("") + whole.rest;
    assert.equal(joined, text.startsWith("\ufeff") ? text.slice(1) : text, "no byte is lost");
  }
});

test("an event over the cap ends the stream, in one piece or in many", () => {
  const long = Buffer.from(`data: ${"x".repeat(200)}\n\n`);
  assert.equal(split("sse", [long], 100).result, "too_large");
  assert.equal(
    split(
      "sse",
      cut(long, () => 9),
      100,
    ).result,
    "too_large",
  );
  const after = split("sse", [long, Buffer.from("data: a\n\n")], 100);
  assert.deepEqual(after.events, []);
  assert.equal(
    split(
      "sse",
      cut(long, () => 9),
      208,
    ).events.length,
    1,
  );
});

test("a piece of whole events is handed on without a copy", () => {
  const splitter = new EventSplitter("sse");
  const chunk = Buffer.from("data: a\n\ndata: b\n\n");
  let seen = 0;
  splitter.push(chunk, {
    onEvent(buffer) {
      assert.equal(buffer, chunk);
      seen++;
      return true;
    },
  });
  assert.equal(seen, 2);
  assert.equal(splitter.held, 0);
});

test("a sink that has had enough stops the stream", () => {
  const splitter = new EventSplitter("sse");
  let seen = 0;
  const sink = { onEvent: () => ++seen < 2 };
  assert.equal(splitter.push(Buffer.from("data: a\n\ndata: b\n\ndata: c\n\n"), sink), "stopped");
  assert.equal(splitter.push(Buffer.from("data: d\n\n"), sink), "stopped");
  assert.equal(seen, 2);
});

test("fields are read as the HTML spec says", () => {
  const fields = { event: "", data: "", hasData: false };
  const read = (text: string) => {
    const bytes = Buffer.from(`xx${text}yy`);
    parseSseFields(bytes, 2, bytes.length - 2, fields);
    return { ...fields };
  };
  assert.deepEqual(read("data: a\n\n"), { event: "", data: "a", hasData: true });
  assert.deepEqual(read("event: e\r\ndata:a\r\ndata:  b\r\n\r\n"), {
    event: "e",
    data: "a\n b",
    hasData: true,
  });
  assert.deepEqual(read("data\rdata\r\r"), { event: "", data: "\n", hasData: true });
  assert.deepEqual(read(": comment\n\n"), { event: "", data: "", hasData: false });
  assert.deepEqual(read("id: 1\nretry: 5\nevents: no\ndatax: no\nevent:x\n\n"), {
    event: "x",
    data: "",
    hasData: false,
  });
  assert.deepEqual(read("data:"), { event: "", data: "", hasData: true });
  assert.deepEqual(read("data: ü\u2028€"), { event: "", data: "ü\u2028€", hasData: true });
});

test("the bytes of the data line are found without decoding", () => {
  const range = { start: 0, end: 0 };
  const bytes = Buffer.from('event: x\r\nid: 1\r\ndata: {"a":1}\r\n\r\n');
  assert.ok(findSseData(bytes, 0, bytes.length, range));
  assert.equal(bytes.toString("utf8", range.start, range.end), '{"a":1}');
  assert.equal(findSseData(Buffer.from(": c\n\n"), 0, 5, range), false);
  const element = Buffer.from('\n,\r\n{"c":1}');
  assert.equal(elementStart(element, 0, element.length), 4);
});

test("hostile line ends cost linear time", () => {
  const bytes = Buffer.alloc(1 << 20, "a\r");
  const begun = process.hrtime.bigint();
  split("sse", [bytes]);
  parseSseFields(bytes, 0, bytes.length, { event: "", data: "", hasData: false });
  const ms = Number(process.hrtime.bigint() - begun) / 1e6;
  assert.ok(ms < 2000, `${ms} ms for 1 MiB of bare CRs`);
});
