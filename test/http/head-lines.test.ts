/** Heads of answers are what their status and headers say, whatever was answered before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTimes, ServerTimes } from "../../src/base/server-timing.ts";
import { HeadLines } from "../../src/http/head-lines.ts";
import { plainHead } from "./support/plain-head.ts";

/** As text; and as bytes, which must say the same; with times or without. */
function writeHead(heads: HeadLines, status: number, headers: readonly string[]): string {
  const known = heads.find(status, headers);
  const head = known.write(headers, null);
  assert.deepEqual(Buffer.from(known.writeBytes(headers, null)), Buffer.from(head));
  assert.ok(known.lengthOf(headers) >= head.length);
  for (const times of TIMES) {
    const timed = known.write(headers, times);
    assert.equal(timed, `${head}\r\nserver-timing: ${formatTimes(times)}`);
    assert.deepEqual(Buffer.from(known.writeBytes(headers, times)), Buffer.from(timed));
  }
  return head;
}

const TIMES = [
  [0, 0, 0, 0],
  [0.1, 1, 10, 100],
  [9.9, 99.9, 999.9, 9999.9],
  [0.04, 0.05, 123_456.78, 99_999_999.9],
  [1, 2, 3, 100_000_000],
  [-5, Number.NaN, 1, Number.POSITIVE_INFINITY],
].map(([queue = 0, policy = 0, upstream = 0, total = 0]) => new ServerTimes(queue, policy, upstream, total));

test("a value that changes once, often, or back again is the one that was given", () => {
  const heads = new HeadLines();
  const write = (status: number, headers: string[]) =>
    assert.equal(writeHead(heads, status, headers), plainHead(status, headers));
  for (const id of ["1", "1", "2", "3", "3", "1", ""]) {
    write(200, ["x-first", "a", "x-request-id", id, "x-last", "z"]);
    write(200, ["x-request-id", id]);
    write(404, ["x-first", "a", "x-request-id", id, "x-last", "z"]);
  }
  write(200, ["x-first", "b", "x-request-id", "9", "x-last", "y"]);
  write(200, ["x-first", "b", "x-request-id", "9"]);
  write(200, []);
  write(299, []);
});

test("names count, with their order and their number", () => {
  const heads = new HeadLines();
  for (let round = 0; round < 3; round++)
    for (const headers of [
      ["a", "1", "b", "2"],
      ["b", "2", "a", "1"],
      ["a", "1", "b", "2", "b", "3"],
      ["a", "1"],
    ])
      assert.equal(writeHead(heads, 200, headers), plainHead(200, headers));
});

test("no value starts another line, also where it was remembered or changes", () => {
  const heads = new HeadLines();
  for (const value of [
    "a\r\nx-evil: 1",
    "a\r\nx-evil: 1",
    "b\nx-evil: 2",
    "c\0",
    "\u007f",
    "tab\there",
    "ü€",
  ]) {
    const head = writeHead(heads, 200, ["x-a", value, "x-b", "b"]);
    assert.equal(head, plainHead(200, ["x-a", value, "x-b", "b"]));
    assert.equal(head.split("\n").length, 3);
  }
});

test("what the engine writes itself is left out, whatever its value", () => {
  const heads = new HeadLines();
  for (const length of ["1", "1", "2"]) {
    const headers = ["content-length", length, "date", length, "x-a", "a", "connection", "close"];
    assert.equal(writeHead(heads, 200, headers), "200 OK\r\nx-a: a");
  }
});

test("more heads than are remembered, and one that is too long to be, come out right every time", () => {
  const heads = new HeadLines();
  for (let round = 0; round < 4; round++)
    for (let i = 0; i < 12; i++) {
      const headers = [`x-${i}`, `${round >> 1}`, "x-long", "l".repeat(i * 400), "x-round", `${round}`];
      assert.equal(writeHead(heads, 200, headers), plainHead(200, headers));
    }
});

test("random heads come out as without a memory", () => {
  const heads = new HeadLines();
  let state = Number(process.env["SEED"] ?? 1);
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let i = 0; i < 5000; i++) {
    const headers: string[] = [];
    for (let n = random(4); n > 0; n--)
      headers.push(["x-a", "x-b", "date"][random(3)] ?? "", `${random(3)}\n`);
    const status = [200, 429, 599][random(3)] ?? 0;
    assert.equal(
      writeHead(heads, status, headers),
      plainHead(status, headers),
      `SEED=${process.env["SEED"] ?? 1}`,
    );
  }
});

test("values of any length and any characters come out the same as bytes, back and forth", () => {
  const heads = new HeadLines();
  const values = [
    "",
    "a",
    "abc",
    "abcd",
    "abcde",
    "x".repeat(150),
    "x".repeat(170),
    "y".repeat(1024),
    "z".repeat(1025),
  ];
  const odd = [
    "\t",
    "a\tb",
    "\x1f",
    "\x7f",
    "~",
    " ",
    "\u0141",
    "\u0120",
    "é",
    "\u20ac",
    "\ud83d\ude00",
    "\ud800",
  ];
  for (const start of ["", "abcd", "abcdefg"])
    for (const character of odd) for (const end of ["", "e", "wxyz"]) values.push(start + character + end);
  for (let round = 0; round < 2; round++)
    for (const [i, value] of values.entries()) {
      const headers = ["x-first", values[values.length - 1 - i] ?? "", "x-same", "é", "x-last", value];
      assert.equal(writeHead(heads, 200, headers), plainHead(200, headers));
      const short = ["x-first", "1", "x-same", "é", "x-last", value];
      assert.equal(writeHead(heads, 200, short), plainHead(200, short));
    }
});

test("a head behind one whose values were too long for bytes has its lines where they belong", () => {
  const heads = new HeadLines();
  const lengths = [
    [1, 1, 1],
    [2, 2, 2],
    [3, 1100, 3],
    [3, 5, 3],
    [3, 5, 1100],
    [3, 4, 1],
    [1100, 4, 2],
    [1, 4, 2],
  ];
  for (const [a = 0, b = 0, c = 0] of [...lengths, ...lengths.reverse()]) {
    const headers = ["a", "a".repeat(a), "b", "b".repeat(b), "c", "c".repeat(c), "d", "-"];
    assert.equal(writeHead(heads, 200, headers), plainHead(200, headers));
  }
});

test("a head that was found stays right though others of its names are found before it is written", () => {
  const heads = new HeadLines();
  const first = ["x-a", "1", "x-b", "2", "x-c", "3"];
  heads.find(200, first);
  const known = heads.find(200, first);
  for (const [i, other] of [
    ["x-a", "1", "x-b", "22", "x-c", "3"],
    ["x-a", "11", "x-b", "2", "x-c", "33"],
  ].entries()) {
    writeHead(heads, 200, other);
    assert.equal(known.write(first, null), plainHead(200, first), `${i}`);
    assert.equal(Buffer.from(known.writeBytes(first, null)).toString(), plainHead(200, first), `${i}`);
  }
});

test("a value that seldom changes, or has changed for long, is the one that was given", () => {
  const heads = new HeadLines();
  for (let i = 0; i < 400; i++) {
    // In one piece and in two, which V8 keeps apart.
    const id = `slc-${"0".repeat(13)}${`${100 + i}`}`;
    const seldom = i % 90 < 3 ? "first" : "other";
    const headers = ["x-model", seldom, "x-request-id", i < 200 ? id : "constant-then-on-id", "x-last", "l"];
    assert.equal(writeHead(heads, 200, headers), plainHead(200, headers));
  }
});
