import assert from "node:assert/strict";
import { test } from "node:test";
import type { UpstreamCall } from "../../src/upstream/client.ts";
import { originOf } from "../../src/upstream/origin.ts";
import { answer } from "../support/answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";
import { pass, stage } from "./stage.ts";

test("an origin gets no more connections than it may have; the others wait their turn", async (t) => {
  const { ask, upstream, origin, client } = await stage(t, answer({ body: "ok", delayMs: 20 }), {
    origin: { maxConnections: 3 },
  });
  const asked = Array.from({ length: 12 }, (_, i) => ask(origin, { path: `/${i}` }));
  assert.equal(client.stats().open, 3);
  assert.equal(client.stats().waiting, 12);
  const outcomes = await Promise.all(asked);
  assert.ok(outcomes.every(({ failure }) => failure === null));
  assert.equal(upstream.connections, 3);
  const order = upstream.requests.map(({ path }) => Number(path.slice(1)));
  assert.ok(
    order.slice(9).every((number) => number >= 6),
    `served in the order ${order}`,
  );
});

test("a call that waits longer than its connect deadline fails as pool_full", async (t) => {
  const { ask, origin } = await stage(
    t,
    { steps: [{ waitMs: 400 }, ...answer({ body: "ok" }).steps] },
    { origin: { maxConnections: 1 } },
  );
  const first = ask(origin);
  const second = await ask(origin, { deadlines: { connect: 150 } });
  assert.equal(second.failure?.cause, "pool_full");
  assert.match(second.failure?.message ?? "", /150 ms/);
  const third = await ask(origin, { deadlines: { connect: 0, total: 100 } });
  assert.equal(third.failure?.cause, "total_timeout");
  assert.equal((await first).failure, null);
});

test("the waiting line is bounded", async (t) => {
  const { ask, origin, client } = await stage(t, answer({ body: "ok", delayMs: 30 }), {
    origin: { maxConnections: 1 },
    client: { maxWaiting: 4 },
  });
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => ask(origin)));
  const refused = outcomes.filter(({ failure }) => failure?.cause === "pool_full");
  assert.equal(refused.length, 4);
  assert.equal(client.stats().waiting, 0);
});

test("at the overall bound the longest idle connection of another origin makes room", async (t) => {
  const { ask, origin, upstream, client } = await stage(t, answer({ body: "ok" }), {
    client: { maxConnections: 2 },
  });
  const others = await Promise.all([0, 1].map(() => startUpstream(answer({ body: "ok" }))));
  t.after(() => Promise.all(others.map((other) => other.close())));
  await ask(origin);
  for (const other of others) {
    assert.equal((await ask(originOf(other.url))).failure, null);
    assert.ok(client.stats().open <= 2);
  }
  await upstream.drained();
  assert.equal(client.stats().open, 2);
});

test("at the overall bound with nothing idle, a call waits until a connection of any origin closes", async (t) => {
  const { ask, origin, client } = await stage(
    t,
    answer({ body: "ok", delayMs: 80, headers: { connection: "close" } }),
    {
      client: { maxConnections: 1 },
    },
  );
  const other = await startUpstream(answer({ body: "ok" }));
  t.after(() => other.close());
  const first = ask(origin);
  await pass(20);
  const second = ask(originOf(other.url));
  await pass(20);
  assert.deepEqual(client.stats(), { open: 1, idle: 0, waiting: 1 });
  assert.equal((await first).failure, null);
  assert.equal((await second).failure, null);
});

test("a burst uses connections that come free instead of waiting for its own", async (t) => {
  const { ask, origin, upstream } = await stage(t, answer({ body: "ok" }));
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => ask(origin)));
  assert.ok(outcomes.every(({ failure }) => failure === null));
  assert.ok(upstream.connections <= 50);
});

test("a refused connection fails its call with the host and the reason", async (t) => {
  const { ask } = await stage(t, answer({}));
  const gone = await startUpstream(answer({}));
  await gone.close();
  const outcome = await ask(originOf(gone.url));
  assert.equal(outcome.failure?.cause, "refused");
  assert.match(outcome.failure?.message ?? "", new RegExp(`127\\.0\\.0\\.1:${gone.port}.*ECONNREFUSED`));
});

test("closing the client ends what runs and what waits, and says so", async (t) => {
  const { ask, origin, client } = await stage(t, { steps: ["stall"] }, { origin: { maxConnections: 1 } });
  const running = ask(origin);
  const waiting = ask(origin);
  await pass(30);
  client.close();
  for (const outcome of await Promise.all([running, waiting, ask(origin)])) {
    assert.equal(outcome.failure?.cause, "reset");
    assert.match(outcome.failure?.message ?? "", /closing/);
  }
});

test("a probe tells a listening or refusing host from a silent one and leaves nothing open", async (t) => {
  const { client, origin, upstream } = await stage(t, answer({}));
  const probe = (target: typeof origin) =>
    new Promise<boolean>((resolve) => client.probe(target, 500, resolve));
  assert.equal(await probe(origin), true);
  const gone = await startUpstream(answer({}));
  await gone.close();
  assert.equal(await probe(originOf(gone.url)), true);
  assert.equal(await probe(originOf("http://no-such-name.invalid")), false);
  client.probe(origin, 500, () => assert.fail("cancelled"))();
  await upstream.drained();
});

test("a streamed request body goes out as it comes, with a length or in chunks", async (t) => {
  const { ask, origin, upstream } = await stage(t, answer({ body: "ok" }));
  for (const length of [10, -1]) {
    const feed = (call: UpstreamCall) => {
      const chunk = Buffer.from("hello");
      call.write(chunk);
      chunk.fill(0);
      setTimeout(() => {
        call.write(Buffer.from("world"));
        call.end();
      }, 30);
    };
    const outcome = await ask(origin, { method: "PUT", body: { length }, onCall: feed });
    assert.equal(outcome.failure, null);
    const request = upstream.requests.at(-1);
    assert.equal(request?.body.toString(), "helloworld");
    assert.equal(request?.header("content-length"), length < 0 ? "" : "10");
    assert.equal(request?.header("transfer-encoding"), length < 0 ? "chunked" : "");
  }
  assert.equal(upstream.connections, 1);
});

test("an upload is held back while the upstream does not read, and goes on when it does", async (t) => {
  const { ask, origin, upstream } = await stage(t, answer({ body: "ok" }));
  const piece = Buffer.alloc(64 * 1024, 1);
  const total = 400;
  let sent = 0;
  let refusals = 0;
  const pump = (call: UpstreamCall) => {
    while (sent < total) {
      sent += 1;
      if (!call.write(piece)) {
        refusals += 1;
        return;
      }
    }
    call.end();
  };
  const outcome = await ask(origin, { method: "PUT", body: { length: -1 }, onCall: pump, onWritable: pump });
  assert.equal(outcome.failure, null);
  assert.ok(refusals > 1);
  assert.equal(upstream.requests[0]?.body.length, total * piece.length);
});

test("a body longer or shorter than it was declared fails and never reaches the next request", async (t) => {
  const { ask, origin, upstream } = await stage(t, answer({ body: "ok" }));
  await ask(origin);
  const long = await ask(origin, {
    method: "PUT",
    body: { length: 3 },
    onCall: (call) => call.write(Buffer.from("hello")),
  });
  assert.match(long.failure?.message ?? "", /longer/);
  const short = await ask(origin, {
    method: "PUT",
    body: { length: 9 },
    onCall(call) {
      call.write(Buffer.from("hello"));
      call.end();
    },
  });
  assert.match(short.failure?.message ?? "", /shorter/);
  await upstream.drained();
});

test("pause holds the body back in the kernel, stops the idle deadline, and resume goes on", async (t) => {
  const body = Buffer.alloc(32 * 1024 * 1024, 7);
  const { ask, origin } = await stage(t, answer({ body }));
  let pauses = 0;
  let while_paused = 0;
  let paused = false;
  const outcome = await ask(origin, {
    deadlines: { idle: 150 },
    onData(_, call) {
      if (paused) while_paused += 1;
      if (pauses >= 3 || paused) return;
      pauses += 1;
      paused = true;
      call.pause();
      setTimeout(() => {
        paused = false;
        call.resume();
      }, 400);
    },
  });
  assert.equal(outcome.failure, null, outcome.failure?.message);
  assert.equal(outcome.body.length, body.length);
  assert.equal(pauses, 3);
  assert.ok(while_paused <= 3, `${while_paused} pieces while paused`);
});

test("the total deadline runs on while the call is paused", async (t) => {
  const { ask, origin } = await stage(t, answer({ body: Buffer.alloc(8 * 1024 * 1024) }));
  const outcome = await ask(origin, { deadlines: { total: 300 }, onData: (_, call) => call.pause() });
  assert.equal(outcome.failure?.cause, "total_timeout");
});

test("the first-byte deadline counts from the end of a streamed body, not while its source is slow", async (t) => {
  const { ask, origin } = await stage(t, answer({ body: "ok" }));
  const slow = (call: UpstreamCall) => setTimeout(() => call.end(), 500);
  const outcome = await ask(origin, {
    method: "PUT",
    body: { length: -1 },
    deadlines: { firstByte: 200 },
    onCall: slow,
  });
  assert.equal(outcome.failure, null);
});

test("a path or header that would split the request is written harmlessly", async (t) => {
  const { ask, origin, upstream } = await stage(t, answer({ body: "ok" }));
  await ask(origin, { path: "/a b\r\nx: y\u010a\u010d", headers: "x-one: \u010d\u010ainjected: 1\r\n" });
  const [request] = upstream.requests;
  assert.equal(request?.path, "/a%20b%0D%0Ax:%20y%C4%8A%C4%8D");
  assert.equal(request?.header("injected"), "");
  assert.equal(request?.header("x"), "");
});
