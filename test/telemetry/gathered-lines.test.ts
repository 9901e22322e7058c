import assert from "node:assert/strict";
import test from "node:test";
import { piece } from "../../src/base/piece.ts";
import { GatheredLines } from "../../src/telemetry/gathered-lines.ts";

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
    "the other \udc00",
    "x".repeat(20_000),
    `${"y".repeat(20_000)}"`,
    ...Array.from({ length: 13 }, (_, length) => "0123456789ab".slice(0, length)),
    ...Array.from({ length: 0x102 }, (_, unit) => `a${String.fromCharCode(unit)}b`),
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

test("pieces of every length are written as they are, whatever follows or precedes them", () => {
  const { lines, chunks } = gather();
  const texts = Array.from({ length: 70 }, (_, length) => "0123456789\u007f".repeat(7).slice(0, length));
  texts.push("ü\u007f漢\u007f😀\u007f\u007f\u007f", "\u{10ffff}\u007f".repeat(5), "\u0000".repeat(20));
  for (const text of texts) lines.add(piece(text)).whole(7).add(piece(text)).text("ä");
  lines.finish();
  lines.handOver();
  assert.deepEqual(chunks, [`${texts.map((text) => `${text}7${text}ä`).join("")}\n`]);
});

test("pieces and numbers that end where the room ends take nothing of what is there", () => {
  for (let left = 0; left < 24; left++) {
    const { lines, chunks } = gather();
    const first = `${"x".repeat(16 * 1024 - left - 1)}\n`;
    lines.addLine("0\n");
    lines.handOver();
    lines.add(piece(first.slice(0, -1)));
    lines.finish();
    lines.add(piece("abc")).whole(12_345).tenths(6.7).quoted("d").threeDigits(8);
    lines.count(piece("n"), 5).duration(piece("ms"), 7.5);
    lines.finish();
    lines.handOver();
    assert.equal(chunks.join(""), `0\n${first}abc123456.7"d"008n5ms7.5\n`);
  }
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
    999,
    1000,
    1001,
    12_345,
    99_999,
    100_000,
    1_000_000,
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
  for (const ms of [0, 0.04, 0.05, 1, 12.34, 99.96, 999.94, 999.96, 123_456.78])
    lines.tenths(ms).add(piece(" "));
  for (const value of [0, 7, 42, 999]) lines.threeDigits(value).add(piece(" "));
  lines.finish();
  lines.handOver();
  const whole = values.map((value) => JSON.stringify(value)).join(" ");
  assert.deepEqual(chunks, [`${whole} 0 0 0.1 1 12.3 100 999.9 1000 123456.8 000 007 042 999 \n`]);
});

test("numbers behind their names are written as they are alone", () => {
  const { lines, chunks } = gather();
  const counts = [0, 7, 9, 10, 99, 100, 999, 1000, 119_000, 2 ** 40, 0.5, 12.5, -3, 1e300, null, Number.NaN];
  const times = [
    0,
    0.04,
    0.05,
    1,
    9.96,
    12.34,
    99.96,
    999.94,
    999.96,
    5000,
    123_456.78,
    -2,
    Number.NaN,
    2 ** 70,
  ];
  const names = ["", ",", ',"ms":', "1234567", "12345678", ',"duration_ms":'].map(piece);
  for (const name of names) {
    for (const value of counts) lines.count(name, value);
    for (const ms of times) lines.duration(name, ms);
  }
  lines.finish();
  for (const name of names) {
    for (const value of counts) lines.add(name).whole(value);
    for (const ms of times) lines.add(name).tenths(ms);
  }
  lines.finish(piece("\n"));
  lines.finish(piece("}\n"));
  lines.handOver();
  const [fused, apart, last] = chunks.join("").split("\n");
  assert.equal(fused, apart);
  assert.equal(last, "}");
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
