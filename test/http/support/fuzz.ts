/** Runs seeded damaged requests against one engine and checks that it stays whole. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { Failure } from "../../../src/base/failure.ts";
import { collectBody } from "../../../src/gateway/body.ts";
import { createBodyBuffers } from "../../../src/gateway/body-buffers.ts";
import type { EngineKind } from "../../../src/http/engine.ts";
import type { Exchange } from "../../../src/http/exchange.ts";
import { matchRoute } from "../../../src/http/routes.ts";
import { createMemoryBudget } from "../../../src/limits/memory.ts";
import { fakeTime } from "../../support/fake-time.ts";
import { seededRandom } from "../../support/seed.ts";
import { startEngine } from "./engines.ts";
import { mutate } from "./mutations.ts";
import { sendRaw, statusOf } from "./raw-client.ts";

/** uWS holds some garbage until its head timer fires: many connections at a time. */
const PARALLEL = 500;
/** A client gives up after so long, ms; later where the machine is busy with other things and most get nothing. */
const PATIENCE_MS = 400;
const MOST_PATIENCE_MS = 6400;

export async function fuzz(
  context: TestContext,
  kind: EngineKind,
  cases: number,
  seed: number,
): Promise<void> {
  const budget = createMemoryBudget(64e6);
  const next = seededRandom(seed);
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown) => rejections.push(reason);
  process.on("unhandledRejection", onRejection);
  context.after(() => process.off("unhandledRejection", onRejection));
  const { port, engine, errors } = await startEngine(context, kind, (exchange) => serve(exchange, budget));
  let answered = 0;
  let patience = PATIENCE_MS;
  let baseline = 0;
  for (let done = 0; done < cases; done += PARALLEL) {
    const inputs = Array.from({ length: Math.min(PARALLEL, cases - done) }, () => mutate(next));
    const outcomes = await Promise.all(inputs.map((packets) => attack(port, packets, patience)));
    const served = outcomes.filter((bytes) => bytes > 0).length;
    answered += served;
    if (served < inputs.length / 3) patience = Math.min(MOST_PATIENCE_MS, patience * 4);
    await settle(
      () => engine.stats().connections === 0 && engine.stats().exchanges === 0 && budget.used === 0,
    );
    const { bytes } = await sendRaw(port, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n", {
      until: (b) => b.includes("ok"),
    });
    assert.equal(statusOf(bytes), 200, `SEED=${seed}: after ${done} cases a valid request is served`);
    globalThis.gc?.();
    const used = process.memoryUsage().heapUsed + process.memoryUsage().external;
    if (done === 0) baseline = used;
    else assert.ok(used < baseline + 24e6, `SEED=${seed}: memory grew from ${baseline} to ${used}`);
  }
  assert.deepEqual(errors, [], `SEED=${seed}`);
  assert.deepEqual(rejections, [], `SEED=${seed}`);
  assert.ok(answered > cases / 10, `SEED=${seed}: only ${answered} of ${cases} got any answer`);
}

const BUFFERS = createBodyBuffers(fakeTime().timers, 1 << 20);

function serve(exchange: Exchange, budget: ReturnType<typeof createMemoryBudget>): void {
  let timer: NodeJS.Timeout | null = null;
  exchange.listen({
    onAbort() {
      if (timer !== null) clearTimeout(timer);
    },
    onDrain() {},
  });
  const { route } = matchRoute(exchange.method, exchange.path);
  collectBody(exchange, 1e6, { memory: budget, bodyBuffers: BUFFERS }, (result) => {
    if (result instanceof Failure) {
      exchange.respond(result.status, [], result.code);
      return;
    }
    result.release();
    if (route.kind !== "client") {
      exchange.respond(200, ["x-path", exchange.path], "ok");
      return;
    }
    exchange.start(200, ["content-type", "text/event-stream"]);
    timer = setTimeout(() => {
      exchange.write(Buffer.from("data: ok\n\n"));
      exchange.end();
    }, 2);
  });
}

/** Bytes that came back. */
function attack(port: number, packets: readonly Buffer[], patience: number): Promise<number> {
  return new Promise((resolve) => {
    let received = 0;
    const socket = connect(port, "127.0.0.1", () => {
      for (const packet of packets) socket.write(packet);
    });
    socket.setNoDelay(true);
    const timer = setTimeout(() => socket.destroy(), patience);
    socket.on("data", (chunk) => {
      received += chunk.length;
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(received);
    });
  });
}

async function settle(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 300 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(condition(), "connections, exchanges and permits come back to nothing");
}
