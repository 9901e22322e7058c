/** The head of a request is its own, whichever heads went out before to the same origin. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { EditedBytes } from "../../src/base/json-edit.ts";
import { Call } from "../../src/upstream/call.ts";
import type { UpstreamRequest } from "../../src/upstream/client.ts";
import { originOf } from "../../src/upstream/origin.ts";
import { RequestBody, WriteBuffer } from "../../src/upstream/request-body.ts";
import { originHead, requestHead, startOfHead } from "../../src/upstream/request-head.ts";
import { answer } from "../support/answers.ts";
import { stage } from "./stage.ts";

const origin = originOf("http://example.test:8080");
const deadlines = { connect: 0, firstByte: 0, idle: 0, total: 0 };

function request(parts: Partial<UpstreamRequest>, length = 7): UpstreamRequest {
  const body = [Buffer.alloc(length)];
  return { origin, method: "POST", path: "/v1", constantHeaders: "", headers: "", body, deadlines, ...parts };
}

function assertStart(of: UpstreamRequest, head: ReturnType<typeof originHead>): void {
  const whole = requestHead(of, head);
  assert.equal(startOfHead(of, head)?.toString("latin1"), whole.slice(0, whole.lastIndexOf(": ") + 2));
}

test("every part of a request counts, and the length of its body does not", () => {
  const head = originHead(origin);
  for (let round = 0; round < 2; round++) {
    assertStart(request({}), head);
    assertStart(request({ method: "PUT" }), head);
    assertStart(request({ path: "/v2" }), head);
    assertStart(request({ path: "/v2 x\r\n" }), head);
    assertStart(request({ constantHeaders: "a: 1\r\n" }), head);
    assertStart(request({ headers: "a: 1\r\n" }), head);
    assertStart(request({ headers: "a: \u00e9\r\n" }, 100_000), head);
  }
  assert.equal(startOfHead(request({}, 1), head), startOfHead(request({}, 1000), head));
});

test("heads beyond those that are remembered, and long ones, are written all the same", () => {
  const head = originHead(origin);
  for (let i = 0; i < 10; i++) assertStart(request({ headers: `a: ${i}\r\n` }), head);
  const oldest = request({ headers: "a: 0\r\n" });
  assert.notEqual(startOfHead(oldest, head), null);
  const long = request({ headers: `a: ${"l".repeat(5000)}\r\n` });
  assertStart(long, head);
  assert.notEqual(startOfHead(long, head), startOfHead(long, head));
});

test("a head beyond Latin-1 has no such bytes", () => {
  const head = originHead(origin);
  for (let i = 0; i < 2; i++) assert.equal(startOfHead(request({ headers: "a: \u010a\r\n" }), head), null);
});

test("requests to one origin arrive with their own heads and bodies, up to the size that is written at once and beyond", async (t) => {
  const { ask, upstream, origin } = await stage(t, answer({ body: "ok" }));
  for (const length of [1, 9, 10, 16_000, 16_384, 20_000, 10, 0])
    for (const id of ["1", "2"]) {
      const body = [Buffer.alloc(length >> 1, id), Buffer.alloc(length - (length >> 1), "x")];
      const outcome = await ask(origin, { headers: `x-id: ${id}\r\n`, body });
      assert.equal(outcome.failure, null);
      const got = upstream.requests.at(-1);
      assert.equal(got?.header("x-id"), id);
      assert.equal(got?.header("content-length"), String(length));
      assert.ok(got?.body.equals(Buffer.concat(body)));
    }
});

test("a body with one change arrives changed, up to the size that is written at once and beyond", async (t) => {
  const { ask, upstream, origin } = await stage(t, answer({ body: "ok" }));
  for (const length of [20, 200, 9000, 16_300, 20_000, 20])
    for (const [start, end, text] of [
      [9, 15, "longer than before"],
      [length - 9, length - 2, "s"],
      [length >> 1, (length >> 1) + 8, ""],
    ] as const) {
      const source = Buffer.from(Array.from({ length }, (_, i) => 0x61 + (i % 26)));
      const body = new EditedBytes(source, start, end, Buffer.from(text));
      const outcome = await ask(origin, { body });
      assert.equal(outcome.failure, null);
      const got = upstream.requests.at(-1);
      const wanted = Buffer.concat([source.subarray(0, start), Buffer.from(text), source.subarray(end)]);
      assert.equal(got?.header("content-length"), String(wanted.length));
      assert.ok(got?.body.equals(wanted));
    }
});

test("requests of several origins and heads that take turns in one write buffer arrive whole", async (t) => {
  const { ask, upstream, origin } = await stage(t, answer({ body: "ok" }));
  const other = await stage(t, answer({ body: "ok" }));
  for (let i = 0; i < 40; i++) {
    const id = "abc"[i % 3] ?? "";
    const body = [Buffer.alloc(1 + ((i * 7) % 50), id)];
    const headers = `x-id: ${id.repeat(1 + (i % 2) * 30)}\r\n`;
    const to = i % 5 === 0 ? other : { upstream, origin };
    const outcome = await ask(to.origin, { headers, body });
    assert.equal(outcome.failure, null);
    const got = to.upstream.requests.at(-1);
    assert.equal(got?.header("x-id"), id.repeat(1 + (i % 2) * 30));
    assert.ok(got?.body.equals(body[0] as Buffer));
  }
});

test("what the system does not take at once keeps its bytes", () => {
  const written: Buffer[] = [];
  let waiting = 0;
  const socket = {
    write: (bytes: Buffer) => written.push(bytes),
    get writableLength() {
      return waiting;
    },
  };
  const buffer = new WriteBuffer();
  const head = originHead(origin);
  const expected: string[] = [];
  for (let i = 0; i < 30; i++) {
    waiting = i % 3 === 0 ? 1 : 0;
    const of = request({ headers: i % 4 === 0 ? "a: 1\r\n" : "b: 2\r\n", body: [Buffer.from(`body ${i}`)] });
    new RequestBody(socket as unknown as Socket, buffer).begin(
      head,
      new Call(of, HANDLER, 0, { withdraw() {} }),
    );
    const whole = `${requestHead(of, head)}body ${i}`;
    assert.equal(written.at(-1)?.toString("latin1"), whole);
    if (waiting > 0) expected.push(whole);
  }
  const kept = written.filter((_, i) => i % 3 === 0).map((bytes) => bytes.toString("latin1"));
  assert.deepEqual(kept, expected);
});

const HANDLER = { onHead() {}, onData() {}, onEnd() {}, onFail() {} };
