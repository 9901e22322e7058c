import assert from "node:assert/strict";
import { test } from "node:test";
import { originOf } from "../../src/upstream/origin.ts";
import { type ScriptedUpstream, startUpstream } from "../support/scripted-upstream.ts";
import { type Outcome, type TestClient, testClient } from "../support/upstream-call.ts";
import { GOOD, REFUSED } from "../upstream/answer-corpus.ts";

interface Stage extends TestClient {
  readonly upstream: ScriptedUpstream;
  readonly origin: ReturnType<typeof originOf>;
}

async function onStage(run: (stage: Stage) => Promise<void>): Promise<void> {
  const upstream = await startUpstream({ steps: [] });
  const client = testClient();
  try {
    await run({ ...client, upstream, origin: originOf(upstream.url) });
  } finally {
    client.close();
    await upstream.close();
  }
}

function send(bytes: string): { readonly send: Buffer } {
  return { send: Buffer.from(bytes, "latin1") };
}

for (const { name, bytes, reason } of REFUSED) {
  test(`an upstream that answers with ${name} fails the attempt at once and loses its connection`, () =>
    onStage(async ({ ask, origin, upstream, client }) => {
      upstream.play({ steps: [send(bytes), "stall"] });
      const outcome = await ask(origin);
      assert.equal(outcome.failure?.cause, "bad_response");
      assert.match(outcome.failure?.message ?? "", reason);
      assert.match(outcome.failure?.message ?? "", /127\.0\.0\.1/);
      await upstream.drained();
      assert.equal(client.stats().open, 0);
    }));
}

test("every good answer of the corpus comes through a socket as it comes through the parser", () =>
  onStage(async ({ ask, origin, upstream }) => {
    for (const { name, bytes, head, status, body, end, surplus, keepAlive } of GOOD) {
      const over = end === "open" || end === "cut" ? (["fin"] as const) : [];
      upstream.play({ steps: [send(bytes), ...over] });
      const before = upstream.connections;
      const outcome = await ask(origin, { method: head === true ? "HEAD" : "GET" });
      assert.equal(outcome.status, status, name);
      assert.equal(outcome.body.toString("latin1"), body, name);
      if (end === "cut") assert.equal(outcome.failure?.cause, "cut", name);
      else assert.equal(outcome.clean, end !== "open", name);
      upstream.play({ steps: [send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")] });
      const next: Outcome = await ask(origin);
      assert.equal(next.failure, null, name);
      const kept = (keepAlive ?? true) && surplus !== true;
      assert.equal(next.reused, kept, `${name}: kept or not`);
      assert.ok(upstream.connections >= before, name);
    }
  }));

test("a cut body says how many bytes are missing", () =>
  onStage(async ({ ask, origin, upstream }) => {
    upstream.play({ steps: [send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), "fin"] });
    const short = await ask(origin);
    assert.equal(short.failure?.cause, "cut");
    assert.equal(short.failure?.missing, 5);
    upstream.play({
      steps: [send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), "rst"],
    });
    const chunked = await ask(origin);
    assert.equal(chunked.failure?.cause, "cut");
    assert.equal(chunked.failure?.missing, -1);
  }));

test("a body that ends with the connection is told apart: an orderly end is unclean, a reset is a cut", () =>
  onStage(async ({ ask, origin, upstream }) => {
    upstream.play({ steps: [send("HTTP/1.1 200 OK\r\n\r\nhello"), "fin"] });
    const ended = await ask(origin);
    assert.equal(ended.clean, false);
    assert.equal(ended.body.toString(), "hello");
    upstream.play({ steps: [send("HTTP/1.1 200 OK\r\n\r\nhello"), { waitMs: 50 }, "rst"] });
    assert.equal((await ask(origin)).failure?.cause, "cut");
  }));

test("a head that drips in one byte at a time is cut off by the first-byte deadline", () =>
  onStage(async ({ ask, origin, upstream }) => {
    const head = `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(50)}`;
    upstream.play({ steps: [{ drip: head, bytes: 1, everyMs: 20 }, "stall"] });
    const outcome = await ask(origin, { deadlines: { firstByte: 300 } });
    assert.equal(outcome.failure?.cause, "first_byte_timeout");
    await upstream.drained();
  }));

test("a body that drips lives as long as no pause is longer than the idle deadline", () =>
  onStage(async ({ ask, origin, upstream }) => {
    const head = send("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n");
    upstream.play({ steps: [head, { drip: "hello world!", bytes: 1, everyMs: 40 }] });
    const whole = await ask(origin, { deadlines: { idle: 250, firstByte: 250 } });
    assert.equal(whole.body.toString(), "hello world!");
    assert.equal(whole.clean, true);
    upstream.play({ steps: [head, { send: "hello" }, "stall"] });
    const stalled = await ask(origin, { deadlines: { idle: 250 } });
    assert.equal(stalled.failure?.cause, "idle_timeout");
    assert.equal(stalled.body.toString(), "hello");
    upstream.play({ steps: [head, { drip: "hello world!", bytes: 1, everyMs: 40 }] });
    assert.equal((await ask(origin, { deadlines: { total: 200 } })).failure?.cause, "total_timeout");
  }));

test("a chunk size that drips in for ever is cut off by the idle deadline or by its own bound", () =>
  onStage(async ({ ask, origin, upstream }) => {
    const head = send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    upstream.play({ steps: [head, { drip: `5;${"x".repeat(40_000)}`, bytes: 500, everyMs: 1 }] });
    const outcome = await ask(origin);
    assert.equal(outcome.failure?.cause, "bad_response");
    assert.match(outcome.failure?.message ?? "", /endless/);
  }));

test("an upstream that accepts and never answers is given up after the first-byte deadline", () =>
  onStage(async ({ ask, origin, upstream }) => {
    upstream.play({ steps: ["stall"] });
    const outcome = await ask(origin, { body: "{}", deadlines: { firstByte: 200 } });
    assert.equal(outcome.failure?.cause, "first_byte_timeout");
    assert.match(outcome.failure?.message ?? "", /200 ms/);
    await upstream.drained();
  }));

test("an upstream that half-closes without an answer fails as a reset", () =>
  onStage(async ({ ask, origin, upstream }) => {
    upstream.play({ steps: ["fin"] });
    assert.equal((await ask(origin)).failure?.cause, "reset");
    upstream.play({ steps: [send("HTTP/1.1 200 OK\r\nConten"), "fin"] });
    const outcome = await ask(origin);
    assert.equal(outcome.failure?.cause, "reset");
    assert.match(outcome.failure?.message ?? "", /head/);
  }));

test("an upstream that resets at any byte of its answer gives a failure or the whole answer, never a short one", () =>
  onStage(async ({ ask, origin, upstream }) => {
    const chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    const sized = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX: y\r\n\r\nhello world";
    for (const bytes of [chunked, sized]) {
      for (let at = 0; at <= bytes.length; at += 1) {
        upstream.play({ steps: [send(bytes.slice(0, at)), { waitMs: 1 }, "rst"] });
        const outcome = await ask(origin);
        if (outcome.failure === null) assert.equal(outcome.body.toString(), "hello world", `cut at ${at}`);
        else assert.ok(["reset", "cut"].includes(outcome.failure.cause), `${outcome.failure.cause} at ${at}`);
        if (at < bytes.length) assert.notEqual(outcome.failure, null, `complete at ${at} of ${bytes.length}`);
      }
    }
  }));

test("bytes that an idle connection says unasked close it, and the next request is not harmed", () =>
  onStage(async ({ ask, origin, upstream }) => {
    const good = send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    const late = send("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
    upstream.play({ steps: [good, { waitMs: 30 }, late] });
    assert.equal((await ask(origin)).body.toString(), "ok");
    await upstream.drained();
    upstream.play({ steps: [good] });
    const next = await ask(origin);
    assert.equal(next.body.toString(), "ok");
    assert.equal(next.reused, false);
  }));
