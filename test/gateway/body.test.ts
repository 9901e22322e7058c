/** Collecting request bodies on both engines: whole, too large, no memory left, client gone; permits always come back. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { Failure } from "../../src/base/failure.ts";
import { collectBody } from "../../src/gateway/body.ts";
import { createBodyBuffers } from "../../src/gateway/body-buffers.ts";
import type { Exchange } from "../../src/http/exchange.ts";
import { createMemoryBudget, type MemoryBudget } from "../../src/limits/memory.ts";
import { ENGINES, startEngine } from "../http/support/engines.ts";
import { bodyOf, sendRaw, statusOf } from "../http/support/raw-client.ts";
import { fakeTime } from "../support/fake-time.ts";

const BUFFERS = createBodyBuffers(fakeTime().timers, 1 << 20);

/** Answers with length and checksum of the body, or with the failure. */
function collecting(budget: MemoryBudget, maxBytes: number, seen: (string | number)[] = []) {
  return (exchange: Exchange): void => {
    exchange.listen({ onAbort: () => seen.push("abort"), onDrain() {} });
    collectBody(exchange, maxBytes, { memory: budget, bodyBuffers: BUFFERS }, (result) => {
      if (result instanceof Failure) {
        seen.push(result.code);
        exchange.respond(result.status, ["content-type", "text/plain"], result.code);
        return;
      }
      const body = result.bytes;
      seen.push(body.length);
      exchange.respond(200, [], `${body.length}:${sum(body)}`);
      result.release();
      result.release();
    });
  };
}

function sum(bytes: Buffer): number {
  let total = 0;
  for (const byte of bytes) total = (total * 31 + byte) >>> 0;
  return total;
}

function sample(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 0xff));
}

function chunked(body: Buffer, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

const head = (path: string, framing: string) =>
  Buffer.from(`POST ${path} HTTP/1.1\r\nHost: h\r\n${framing}\r\n\r\n`);

for (const kind of ENGINES) {
  for (const path of ["/v1/b", "/b"]) {
    for (const length of [0, 1, 100, 70_000, 1_500_000]) {
      test(`${kind} ${path}: a body of ${length} bytes arrives whole, declared and chunked`, async (t) => {
        const budget = createMemoryBudget(8e6);
        const { port, errors } = await startEngine(t, kind, collecting(budget, 4e6));
        const body = sample(length);
        const expected = `${length}:${sum(body)}`;
        const until = (bytes: Buffer) => bodyOf(bytes) !== "";
        const declared = await sendRaw(port, [head(path, `Content-Length: ${length}`), body], { until });
        assert.deepEqual(errors, []);
        assert.equal(bodyOf(declared.bytes), expected);
        const pieces = Buffer.concat([head(path, "Transfer-Encoding: Chunked"), chunked(body, 9999)]);
        const streamed = await sendRaw(port, pieces, { until });
        assert.equal(bodyOf(streamed.bytes), expected);
        assert.equal(budget.used, 0);
      });
    }

    test(`${kind} ${path}: a declared body over the limit is 413 before it is sent`, async (t) => {
      const budget = createMemoryBudget(8e6);
      const { port, engine } = await startEngine(t, kind, collecting(budget, 1000));
      const { bytes, outcome, elapsedMs } = await sendRaw(port, head(path, "Content-Length: 100000"));
      assert.equal(statusOf(bytes), 413);
      assert.match(bodyOf(bytes), /request_too_large/);
      assert.notEqual(outcome, "open");
      assert.ok(elapsedMs < 1500);
      assert.equal(budget.used, 0);
      assert.equal(engine.stats().exchanges, 0);
    });

    test(`${kind} ${path}: a client that sends a large body all the same still reads the 413`, async (t) => {
      const { port } = await startEngine(t, kind, collecting(createMemoryBudget(8e6), 1000));
      const { bytes } = await sendRaw(port, [head(path, "Content-Length: 300000"), sample(300_000)]);
      assert.equal(statusOf(bytes), 413);
    });

    test(`${kind} ${path}: a chunked body that grows over the limit is 413 and closed`, async (t) => {
      const budget = createMemoryBudget(8e6);
      const seen: (string | number)[] = [];
      const { port } = await startEngine(t, kind, collecting(budget, 50_000, seen));
      const start = Buffer.concat([
        head(path, "Transfer-Encoding: chunked"),
        chunked(sample(60_000), 4096).subarray(0, 58_000),
      ]);
      const { bytes, outcome } = await sendRaw(port, start);
      assert.equal(statusOf(bytes), 413);
      assert.notEqual(outcome, "open");
      assert.deepEqual(seen, ["request_too_large"]);
      assert.equal(budget.used, 0);
    });

    test(`${kind} ${path}: no memory left is 429, and the connection goes on after a small body`, async (t) => {
      const budget = createMemoryBudget(10_000);
      const { port } = await startEngine(t, kind, collecting(budget, 1e6));
      assert.equal(budget.admit(9_500, 0), null);
      const small = Buffer.concat([head(path, "Content-Length: 600"), sample(600)]);
      const tiny = Buffer.concat([head(path, "Content-Length: 3"), Buffer.from("abc")]);
      const { bytes } = await sendRaw(port, [small, tiny], {
        gapMs: 80,
        until: (b) => b.includes("\r\n\r\n3:"),
      });
      assert.equal(statusOf(bytes), 429);
      assert.match(bodyOf(bytes), /^buffer_full.*HTTP\/1.1 200.*3:/s);
      const never = await sendRaw(port, head(path, "Content-Length: 20000"));
      assert.equal(statusOf(never.bytes), 413);
      assert.equal(budget.used, 9_500);
    });
  }

  test(`${kind}: a client that goes inside its body gives the permit back, once`, async (t) => {
    const budget = createMemoryBudget(1e6);
    const seen: (string | number)[] = [];
    const { port, engine } = await startEngine(t, kind, collecting(budget, 1e6, seen));
    for (const framing of ["Content-Length: 50000", "Transfer-Encoding: chunked"]) {
      const socket = connect(port, "127.0.0.1", () =>
        socket.write(Buffer.concat([head("/v1/b", framing), Buffer.from("5\r\nhello")])),
      );
      await until(() => budget.used > 0);
      socket.destroy();
      await until(() => budget.used === 0 && engine.stats().exchanges === 0);
    }
    assert.deepEqual(seen, ["client_closed", "abort", "client_closed", "abort"]);
  });

  test(`${kind}: Expect: 100-continue is answered before the body`, async (t) => {
    const { port } = await startEngine(t, kind, collecting(createMemoryBudget(1e6), 1e6));
    const request = head("/v1/b", "Content-Length: 3\r\nExpect: 100-continue");
    const { bytes } = await sendRaw(port, [request, "abc"], {
      gapMs: 100,
      until: (b) => b.includes("\r\n\r\n3:"),
    });
    assert.match(bytes.toString(), /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
  });
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 300 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(condition());
}
