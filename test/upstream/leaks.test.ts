import assert from "node:assert/strict";
import { test } from "node:test";
import { originOf } from "../../src/upstream/origin.ts";
import { answer } from "../support/answers.ts";
import { seededRandom } from "../support/fake-time.ts";
import type { Play } from "../support/scripted-upstream.ts";
import { askThrough } from "../support/upstream-call.ts";
import { pass, stage } from "./stage.ts";

const FAULTS: readonly Play[] = [
  { steps: ["rst"] },
  { steps: ["close"] },
  { steps: [{ send: "nonsense\r\n\r\n" }, "stall"] },
  { steps: [{ send: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc" }, "rst"] },
  { steps: [{ send: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" }, "stall"] },
  { steps: ["stall"] },
];

test("after 3,000 mixed requests sockets, timers, waiting calls and memory are back where they began", async (t) => {
  const seed = Number(process.env["SEED"] ?? 5);
  const random = seededRandom(seed);
  const script = (request: { path: string }): Play => {
    const kind = Number(request.path.slice(1));
    return FAULTS[kind] ?? answer(kind % 2 === 0 ? { body: "whole" } : { pieces: ["in", "pieces"] });
  };
  const { client, upstream, origin, time } = await stage(t, script, { origin: { maxConnections: 16 } });
  const refusing = originOf("http://127.0.0.1:1");

  async function one(): Promise<void> {
    const kind = Math.floor(random.next() * 24);
    const outcome = askThrough(client, random.next() < 0.03 ? refusing : origin, {
      path: `/${kind}`,
      ...(random.next() < 0.3 ? { body: "x".repeat(Math.floor(random.next() * 50_000)) } : {}),
      deadlines: { connect: 2000, firstByte: 60, idle: 60, total: random.next() < 0.3 ? 2000 : 0 },
      onCall(call) {
        if (random.next() < 0.1) {
          setTimeout(() => call.abort(), random.next() * 20);
          setTimeout(() => aborted(), 25);
        }
      },
    });
    let aborted = () => {};
    await Promise.race([
      outcome,
      new Promise<void>((resolve) => {
        aborted = resolve;
      }),
    ]);
  }

  const batch = async (count: number) => {
    for (let done = 0; done < count; done += 100) await Promise.all(Array.from({ length: 100 }, one));
  };
  await batch(500);
  await pass(100);
  upstream.forget();
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  await batch(2500);
  await pass(100);
  upstream.forget();
  globalThis.gc?.();
  const grown = process.memoryUsage().heapUsed - before;
  assert.ok(grown < 2 * 1024 * 1024, `the heap grew by ${grown} bytes, SEED=${seed}`);
  const { open, idle, waiting } = client.stats();
  assert.equal(waiting, 0);
  assert.equal(open, idle);
  assert.ok(open <= 16);
  assert.ok(
    time.timers.size <= 1,
    `${time.timers.size} timers: the one for idle connections is all there may be`,
  );
  client.close();
  await upstream.drained();
  assert.equal(time.timers.size, 0);
});
