import assert from "node:assert/strict";
import test from "node:test";
import type { Caller } from "../../src/auth/caller.ts";
import { LineMemory } from "../../src/gateway/line-memory.ts";
import { GatheredLines } from "../../src/telemetry/gathered-lines.ts";

type Told = Parameters<LineMemory["writeMiddle"]>[1];

function write(put: (lines: GatheredLines) => void): string {
  let text = "";
  const lines = new GatheredLines(
    (bytes) => {
      text += bytes.toString("utf8");
    },
    () => {},
  );
  put(lines);
  lines.finish();
  lines.handOver();
  return text.slice(0, -1);
}

const caller = (kind: Caller["kind"], id: string): Caller => ({ kind, id, models: [], providers: [] });
const attempt = (target: string) => ({ target, cause: "", message: "", status: 0, ms: 0 });

const PLAIN: Told = {
  caller: caller("key", "tim"),
  stranger: "192.0.2.7",
  operation: "chat",
  protocol: "openai-chat",
  model: "fast",
  answeredBy: "a/small",
  stream: false,
  attempts: [attempt("a/small")],
};

function expected(told: Told, status: number): string {
  const { caller, operation, protocol, model, answeredBy, stream, attempts } = told;
  const members = {
    ...(caller?.kind === "key" ? { key_id: caller.id } : { peer: caller?.id ?? told.stranger }),
    operation,
    protocol_in: protocol,
    ...(model === "" ? {} : { model }),
    ...(answeredBy === "" ? {} : { target: answeredBy }),
    status,
    stream,
    attempts: attempts.slice(0, 1).map(({ target }) => ({ target })),
  };
  const text = JSON.stringify(members).replace(/^\{/, ",").slice(0, -1);
  return text.replace(attempts.length === 0 ? /\]$/ : /\}\]$/, "") + (attempts.length === 0 ? "" : ',"ms":');
}

test("the middle of a line is written as JSON.stringify writes it, the first time and every other", () => {
  const memory = new LineMemory();
  const odd = [
    'say "hi"',
    "back\\slash",
    "a\u0000\n\u007f\u2028",
    "漢😀",
    "half \ud83d",
    "",
    "x".repeat(100_000),
  ];
  const tellings: Told[] = [
    PLAIN,
    { ...PLAIN, caller: caller("anonymous", "tim") },
    { ...PLAIN, caller: caller("anonymous", "192.0.2.7") },
    { ...PLAIN, caller: null },
    { ...PLAIN, operation: "embed" },
    { ...PLAIN, protocol: "gemini" },
    { ...PLAIN, stream: true },
    { ...PLAIN, answeredBy: "" },
    { ...PLAIN, answeredBy: "b/small", attempts: [attempt("a/small"), attempt("b/small")] },
    { ...PLAIN, answeredBy: "b/small", attempts: [attempt("b/small")] },
    { ...PLAIN, attempts: [] },
    { ...PLAIN, attempts: [attempt("")] },
    ...odd.map((model) => ({ ...PLAIN, model, answeredBy: `a/${model}`, attempts: [attempt(`a/${model}`)] })),
    ...odd.map((id) => ({ ...PLAIN, caller: caller("key", id) })),
  ];
  for (let round = 0; round < 3; round++) {
    for (const told of tellings) {
      // Each is known when it is told for the second time.
      for (const status of [200, 200, 499]) {
        assert.equal(
          write((lines) => memory.writeMiddle(lines, told, status)),
          expected(told, status),
        );
      }
    }
  }
});

test("sixteen middles are remembered, and none of a caller's long names", () => {
  const memory = new LineMemory();
  const tell = (model: string) => write((lines) => memory.writeMiddle(lines, { ...PLAIN, model }, 200));
  for (let i = 0; i < 40; i++) tell(`m${i}`);
  assert.equal(memory.size, 16);
  tell("m39");
  assert.equal(memory.size, 16);
  const fresh = new LineMemory();
  write((lines) => fresh.writeMiddle(lines, { ...PLAIN, model: "x".repeat(2000) }, 200));
  assert.equal(fresh.size, 0);
});

test("a line opens with its level and its time, at every second and before the first", () => {
  const memory = new LineMemory();
  const times = [
    0, 5, 999, 1000, 1001, 999_999, 1_764_150_000_000, 1_764_150_000_001, 1_764_150_000_099,
    1_764_150_000_999, 1_764_150_001_000, 999, 1_764_150_001_000, 3,
  ];
  for (const time of times) {
    assert.equal(
      write((lines) => memory.writeOpening(lines, time)),
      `{"level":"info","time":${time}`,
    );
  }
});
