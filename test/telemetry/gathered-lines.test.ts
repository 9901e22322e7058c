import assert from "node:assert/strict";
import test from "node:test";
import { GatheredLines, piece } from "../../src/telemetry/gathered-lines.ts";

function gather() {
  const chunks: string[] = [];
  let waiting = 0;
  const lines = new GatheredLines(
    (bytes) => chunks.push(bytes.toString("utf8")),
    () => waiting++,
  );
  return { lines, chunks, waiting: () => waiting };
}

test("strings are written as JSON.stringify writes them", () => {
  const { lines, chunks } = gather();
  const values = [
    "",
    "plain/Text-1.0:x",
    'say "hi"',
    "back\\slash",
    "new\nline\ttab\u0000\u007f",
    "ümläut 漢字 \u2028 😀",
    "half \ud83d of a pair",
  ];
  lines.add(piece("["));
  values.forEach((value, index) => {
    if (index > 0) lines.add(piece(","));
    lines.quoted(value);
  });
  lines.add(piece("]"));
  lines.finish();
  lines.handOver();
  assert.deepEqual(chunks, [`${JSON.stringify(values)}\n`]);
});

test("numbers are written as JSON.stringify writes them", () => {
  const { lines, chunks } = gather();
  const values = [
    0,
    7,
    9,
    10,
    99,
    100,
    12_345,
    2 ** 31 - 1,
    2 ** 31,
    1_764_000_000_123,
    5_000_000_000_000,
    2 ** 53 - 1,
    1e300,
    -3,
    null,
  ];
  for (const value of values) lines.whole(value).add(piece(" "));
  for (const ms of [0, 0.04, 0.05, 1, 12.34, 99.96, 123_456.78]) lines.tenths(ms).add(piece(" "));
  lines.finish();
  lines.handOver();
  const whole = values.map((value) => JSON.stringify(value)).join(" ");
  assert.deepEqual(chunks, [`${whole} 0 0 0.1 1 12.3 100 123456.8 \n`]);
});

test("lines wait until they are asked for or 16 KB are there, and only whole ones are handed over", () => {
  const { lines, chunks, waiting } = gather();
  const line = (index: number) => `${String(index).padStart(99, "0")}\n`;
  for (let index = 0; index < 1000; index++) {
    if (index % 2 === 0) lines.addLine(line(index));
    else {
      lines.add(piece(line(index).slice(0, 50))).add(piece(line(index).slice(50, -1)));
      lines.finish();
    }
  }
  // 163 lines each.
  assert.equal(chunks.length, 6);
  for (const chunk of chunks) assert.ok(chunk.length <= 16 * 1024);
  lines.handOver();
  lines.handOver();
  assert.equal(chunks.length, 7);
  assert.equal(chunks.join(""), Array.from({ length: 1000 }, (_, index) => line(index)).join(""));
  assert.equal(waiting(), 7);
});

test("a line beyond the bound is handed over whole and at once, and its room is not kept", () => {
  const { lines, chunks } = gather();
  const long = "漢".repeat(100_000);
  lines.addLine("before\n");
  lines.add(piece("{")).quoted("x".repeat(70_000)).quoted(long).add(piece("}"));
  lines.finish();
  lines.addLine(`${long}\n`);
  lines.addLine("after\n");
  lines.handOver();
  assert.deepEqual(chunks, ["before\n", `{"${"x".repeat(70_000)}""${long}"}\n`, `${long}\n`, "after\n"]);
});
