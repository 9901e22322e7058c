import assert from "node:assert/strict";
import { test } from "node:test";
import { ResponseParser } from "../../src/upstream/response-parser.ts";
import { seededRandom } from "../support/fake-time.ts";
import { GOOD, REFUSED } from "./answer-corpus.ts";
import { parse, split } from "./parse.ts";

for (const { name, bytes, head, status, body, end, keepAlive, surplus } of GOOD) {
  test(`the parser understands: ${name}`, () => {
    const parsed = parse([Buffer.from(bytes, "latin1")], head);
    assert.equal(parsed.end, end ?? "done");
    assert.equal(parsed.status, status);
    assert.equal(parsed.body, body);
    assert.equal(parsed.keepAlive, keepAlive ?? true);
    assert.equal(parsed.surplus, surplus ?? false);
  });
}

for (const { name, bytes, reason } of REFUSED) {
  test(`the parser refuses: ${name}`, () => {
    assert.match(parse([Buffer.from(bytes, "latin1")]).end, reason);
  });
}

test("an answer cut in two at any byte, or fed byte by byte, reads the same", () => {
  for (const entry of [...GOOD, ...REFUSED]) {
    const bytes = Buffer.from(entry.bytes, "latin1");
    const head = "head" in entry && entry.head === true;
    const whole = parse([bytes], head);
    const step = bytes.length > 2000 ? 97 : 1;
    for (let at = 0; at <= bytes.length; at += step) {
      assert.deepEqual(parse(split(bytes, at), head), whole, `${entry.name}, cut at ${at}`);
    }
    const single = Array.from({ length: bytes.length }, (_, i) => bytes.subarray(i, i + 1));
    assert.deepEqual(parse(single, head), whole, `${entry.name}, byte by byte`);
  }
});

test("an answer cut at random in many pieces reads the same", () => {
  const seed = Number(process.env["SEED"] ?? 11);
  const random = seededRandom(seed);
  const chunks = Array.from(
    { length: 40 },
    (_, i) => `${(i * 7 + 1).toString(16)}\r\n${"x".repeat(i * 7 + 1)}\r\n`,
  );
  const text = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: ${"y".repeat(3000)}\r\n\r\n${chunks.join("")}0\r\n\r\n`;
  const bytes = Buffer.from(text);
  const whole = parse([bytes]);
  assert.equal(whole.body.length, 40 + 7 * ((39 * 40) / 2));
  for (let round = 0; round < 300; round += 1) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const next = Math.min(bytes.length, at + 1 + Math.floor(random.next() * 400));
      pieces.push(bytes.subarray(at, next));
      at = next;
    }
    assert.deepEqual(parse(pieces), whole, `SEED=${seed}, round ${round}`);
  }
});

test("header names come in lower case, values trimmed, duplicates kept in order", () => {
  const parsed = parse([
    Buffer.from("HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nX-ONE:\t 1 \r\nset-cookie: b\r\nE:\r\n\r\n"),
  ]);
  assert.deepEqual(parsed.headers, ["set-cookie", "a", "x-one", "1", "set-cookie", "b", "e", ""]);
});

test("256 header lines and a head of just under 64 KiB are taken", () => {
  const lines = parse([Buffer.from(`HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(256)}\r\n`)]);
  assert.equal(lines.headers.length, 512);
  const large = parse([Buffer.from(`HTTP/1.1 200 OK\r\nX: ${"a".repeat(65_500)}\r\n\r\n`)]);
  assert.equal(large.headers[1]?.length, 65_500);
});

test("chunks of one read come as one piece, whatever their framing", () => {
  const pieces: string[] = [];
  const parser = new ResponseParser({
    onHead: () => {},
    onBody: (bytes, start, end) => pieces.push(bytes.toString("latin1", start, end)),
  });
  parser.begin(false);
  const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const bytes = Buffer.from(`${head}1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n`);
  assert.equal(parser.feed(bytes, bytes.length), "done");
  assert.deepEqual(pieces, ["abcdef"]);
});
