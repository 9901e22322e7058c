/** The caller's side of an answer: commit, signs of life, backpressure, exactly one end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Delivery } from "../../src/gateway/delivery.ts";
import { FakeExchange } from "../support/fake-exchange.ts";
import { fakeTime } from "../support/fake-time.ts";

function deliver() {
  const time = fakeTime();
  const exchange = new FakeExchange("/v1/chat/completions", "{}");
  const gone: string[] = [];
  const delivery = new Delivery(exchange, time, { onGone: () => gone.push("gone") });
  const turns: string[] = [];
  const source = { pause: () => turns.push("pause"), resume: () => turns.push("resume") };
  return { time, exchange, delivery, gone, turns, source };
}

const HEAD = () => ["content-type", "text/event-stream"];

const voice = (ping: string) => ({ streamHead: HEAD, ping: () => ping });

test("nothing is sent before the commit; then a head, a sign of life at once and every 15 s", () => {
  const { time, exchange, delivery } = deliver();
  delivery.commitAfter(30_000, voice(": ping\n\n"));
  time.advance(29_999);
  assert.equal(exchange.started, false);
  time.advance(1);
  assert.deepEqual([exchange.status, exchange.text], [200, ": ping\n\n"]);
  time.advance(30_000);
  assert.equal(exchange.text, ": ping\n\n".repeat(3));
  delivery.start(200, []);
  delivery.writeText("data: x\n\n");
  time.advance(14_999);
  assert.match(exchange.text, /data: x\n\n$/);
  delivery.end();
  assert.equal(exchange.how, "ended");
  assert.equal(time.pending, 0);
});

test("a stream that is silent after content is kept alive with what is legal then", () => {
  const { time, exchange, delivery } = deliver();
  let ping = ": early\n\n";
  delivery.commitAfter(30_000, { streamHead: HEAD, ping: () => ping });
  delivery.start(200, HEAD());
  delivery.writeText("data: x\n\n");
  ping = "event: ping\n\n";
  time.advance(15_000);
  assert.equal(exchange.text, "data: x\n\nevent: ping\n\n");
  delivery.cut();
  assert.equal(exchange.how, "destroyed");
  assert.equal(time.pending, 0);
});

test("a reader that takes nothing pauses the source once, gets no signs of life, and resumes it", () => {
  const { time, exchange, delivery, turns, source } = deliver();
  delivery.commitAfter(30_000, voice(": ping\n\n"));
  delivery.start(200, HEAD());
  delivery.follow(source);
  exchange.blocked = true;
  delivery.writeText("a");
  delivery.writeText("b");
  assert.deepEqual(turns, ["pause"]);
  time.advance(60_000);
  assert.equal(exchange.text, "ab");
  exchange.drain();
  assert.deepEqual(turns, ["pause", "resume"]);
  delivery.end();
});

test("the next source of a blocked answer is paused from the start", () => {
  const { exchange, delivery, turns, source } = deliver();
  delivery.start(200, HEAD());
  exchange.blocked = true;
  delivery.writeText("a");
  delivery.unfollow();
  delivery.follow(source);
  assert.deepEqual(turns, ["pause"]);
  delivery.end();
});

test("after its end nothing more is sent, and a client that goes then is nobody's business", () => {
  const { exchange, delivery, gone } = deliver();
  delivery.respond(200, [], "all");
  delivery.respond(500, [], "again");
  delivery.start(200, []);
  delivery.writeText("more");
  delivery.end();
  delivery.cut();
  delivery.onAbort();
  assert.deepEqual([exchange.text, exchange.ends, gone.length], ["all", 1, 0]);
});

test("a client that goes is told of once, and nothing is sent to it", () => {
  const { time, exchange, delivery, gone } = deliver();
  delivery.commitAfter(30_000, voice(": ping\n\n"));
  exchange.abort();
  delivery.onAbort();
  delivery.respond(200, [], "late");
  time.advance(60_000);
  assert.deepEqual([exchange.text, gone, time.pending], ["", ["gone"], 0]);
});
