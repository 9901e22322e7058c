import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import type { UpstreamCall } from "../../src/upstream/client.ts";
import { originOf } from "../../src/upstream/origin.ts";
import { answer } from "../support/answers.ts";
import type { Play } from "../support/scripted-upstream.ts";
import { requestFor } from "../support/upstream-call.ts";
import { pass, stage } from "./stage.ts";

const OK = answer({ body: "ok" });

test("the connection used last is used next", async (t) => {
  const { ask, upstream, origin } = await stage(t, answer({ body: "ok", delayMs: 60 }));
  await Promise.all([ask(origin), ask(origin), ask(origin)]);
  assert.equal(upstream.connections, 3);
  const lasts = upstream.requests.map((request) => request.connection);
  await ask(origin);
  await ask(origin);
  const [a, b] = upstream.requests.slice(3).map((request) => request.connection);
  assert.equal(a, b);
  assert.ok(lasts.includes(a ?? -1));
});

test("a kept connection that the server closed while nobody looked costs the caller nothing", async (t) => {
  const { ask, upstream, origin } = await stage(t, OK);
  await ask(origin);
  upstream.cut();
  await pass(30);
  const outcome = await ask(origin, { body: "again" });
  assert.equal(outcome.failure, null);
  assert.equal(outcome.reused, false);
  assert.equal(upstream.connections, 2);
});

test("a kept connection that dies under the request: sent once more on a new one, body and all", async (t) => {
  for (const how of ["rst", "close", "fin"] as const) {
    const { ask, upstream, origin } = await stage(t, [OK, { on: "request", steps: [how] }, OK]);
    await ask(origin);
    const outcome = await ask(origin, { body: "the body" });
    assert.equal(outcome.failure, null, how);
    assert.equal(outcome.body.toString(), "ok");
    assert.equal(outcome.reused, false);
    assert.deepEqual(
      upstream.requests.map((request) => request.body.toString()),
      ["", "the body", "the body"],
    );
  }
});

test("it is sent once more only once, and not at all on a fresh connection", async (t) => {
  const dies: Play = { steps: ["rst"] };
  const { ask, upstream, origin } = await stage(t, [OK, dies, dies, OK]);
  await ask(origin);
  const outcome = await ask(origin);
  assert.equal(outcome.failure?.cause, "reset");
  assert.equal(upstream.requests.length, 3);
  const fresh = await stage(t, dies);
  assert.equal((await fresh.ask(fresh.origin)).failure?.cause, "reset");
  assert.equal(fresh.upstream.requests.length, 1);
});

test("after the first byte of an answer nothing is sent again", async (t) => {
  const { ask, upstream, origin } = await stage(t, [
    OK,
    { steps: [{ send: "H" }, { waitMs: 20 }, "rst"] },
    OK,
  ]);
  await ask(origin);
  assert.equal((await ask(origin)).failure?.cause, "reset");
  assert.equal(upstream.requests.length, 2);
});

test("a streamed body that has begun is not sent again, one that has not is", async (t) => {
  const { ask, upstream, origin } = await stage(t, [OK, { on: "head", steps: ["rst"] }, OK], {
    server: { early: true },
  });
  await ask(origin);
  upstream.play({ on: "head", steps: [{ waitMs: 20 }, "rst"] });
  const begun = await ask(origin, {
    method: "POST",
    body: { length: -1 },
    onCall: (call) => call.write(Buffer.from("x")),
  });
  assert.equal(begun.failure?.cause, "reset");

  upstream.play(OK);
  await ask(origin);
  let plays = 0;
  upstream.play(() => (plays++ === 0 ? { steps: ["rst"] } : { steps: [{ waitMs: 150 }, ...OK.steps] }));
  let call: UpstreamCall | undefined;
  const unbegun = ask(origin, {
    method: "POST",
    body: { length: 2 },
    onCall: (made) => {
      call = made;
    },
  });
  await pass(60);
  call?.write(Buffer.from("hi"));
  call?.end();
  assert.equal((await unbegun).failure, null);
  assert.equal(upstream.requests.at(-1)?.body.toString(), "hi");
});

test("Keep-Alive: timeout closes the connection a second before the server would", async (t) => {
  const { ask, upstream, origin, client } = await stage(
    t,
    answer({ body: "ok", headers: { "keep-alive": "timeout=1" } }),
  );
  await ask(origin);
  await upstream.drained();
  assert.equal(client.stats().open, 0);
  upstream.play(answer({ body: "ok", headers: { "Keep-Alive": "timeout=2, max=5" } }));
  await ask(origin);
  await pass(500);
  assert.equal(client.stats().idle, 1);
  await upstream.drained();
});

test("what the connection of an aborted call was is closed, and none is opened in its place", async (t) => {
  const { ask, upstream, origin, client } = await stage(t, {
    steps: [{ send: "HTTP/1.1 200 OK\r\n\r\nabc" }, "stall"],
  });
  let heard = 0;
  const calls: UpstreamCall[] = [];
  for (let i = 0; i < 10; i += 1) {
    void ask(origin, { onCall: (call) => calls.push(call), onData: () => (heard += 1) }).then(() =>
      assert.fail("heard of it"),
    );
  }
  while (heard < 10) await pass(5);
  for (const call of calls) {
    call.abort();
    call.abort();
    call.pause();
    call.resume();
  }
  await upstream.drained();
  await pass(50);
  assert.equal(upstream.connections, 10);
  assert.ok(upstream.requests.every((request) => request.aborted));
  assert.deepEqual(client.stats(), { open: 0, idle: 0, waiting: 0 });
});

test("a call aborted while it connects, waits or reads is not heard of again", async (t) => {
  const { client, upstream, origin, ask } = await stage(t, answer({ body: "ok", delayMs: 30 }), {
    origin: { maxConnections: 1 },
  });
  const silent = () => assert.fail("heard of an aborted call");
  const running = ask(origin);
  void ask(origin, { onCall: (call) => call.abort(), onHead: silent }).then(silent);
  void ask(origin, { onCall: (call) => setTimeout(() => call.abort(), 10), onHead: silent }).then(silent);
  assert.equal((await running).body.toString(), "ok");
  await pass(50);
  assert.equal(client.stats().waiting, 0);
  assert.equal(upstream.requests.length, 1);
});

test("abort inside onHead or onData is heard at once", async (t) => {
  const { ask, origin, upstream } = await stage(t, answer({ pieces: ["one", "two"] }));
  const silent = () => assert.fail("heard of an aborted call");
  void ask(origin, { onHead: (_, call) => call.abort(), onData: silent }).then(silent);
  let pieces = 0;
  void ask(origin, {
    onData: (_, call) => {
      pieces += 1;
      call.abort();
    },
  }).then(silent);
  await upstream.received(2);
  await upstream.drained();
  assert.ok(pieces <= 1);
});

test("an answer that is complete before the request is out is taken, and the connection dropped", async (t) => {
  const early: Play = { on: "head", steps: [...answer({ status: 413, body: "too large" }).steps] };
  const { ask, origin, upstream, client } = await stage(t, early);
  const outcome = await ask(origin, {
    method: "POST",
    body: { length: 1000 },
    onCall: (call) => call.write(Buffer.alloc(10)),
  });
  assert.equal(outcome.status, 413);
  assert.equal(outcome.body.toString(), "too large");
  await upstream.drained();
  assert.equal(client.stats().open, 0);
});

test("a 413 that the server follows with a reset outranks the write error of the upload", async (t) => {
  const steps: Play["steps"] = [
    ...answer({ status: 413, headers: { connection: "close" }, body: "too large" }).steps,
    { waitMs: 5 },
    "close",
  ];
  const { ask, origin, upstream } = await stage(t, { on: "head", steps });
  for (let i = 0; i < 10; i += 1) {
    const outcome = await ask(origin, { body: [Buffer.alloc(8 * 1024 * 1024)] });
    assert.equal(outcome.failure, null, outcome.failure?.message);
    assert.equal(outcome.status, 413);
  }
  await upstream.drained();
});

/** A server of its own process: answers after 150 ms and resets at once, while this process is busy. */
async function startReset(body: string): Promise<{ origin: ReturnType<typeof originOf>; stop(): void }> {
  const code = `require("net").createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => setTimeout(() => {
      socket.pause();
      socket.write(${JSON.stringify(body)}, () => setTimeout(() => socket.resetAndDestroy(), 10));
    }, 120));
  }).listen(0, "127.0.0.1", function () { console.log(this.address().port); })`;
  const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return { origin: originOf(`http://127.0.0.1:${Number(port.toString())}`), stop: () => child.kill() };
}

test("an answer that lies in the kernel outranks the write error of a later piece", async (t) => {
  const child = await startReset(
    "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
  );
  t.after(child.stop);
  const { ask } = await stage(t, OK);
  const outcome = await ask(child.origin, {
    method: "PUT",
    body: { length: 1_000_000 },
    onCall(call) {
      call.write(Buffer.alloc(1000));
      setTimeout(() => {
        const until = performance.now() + 150; // busy: nothing is read while answer and reset arrive
        while (performance.now() < until);
        for (let i = 0; i < 5; i += 1) call.write(Buffer.alloc(50_000));
      }, 100);
    },
  });
  assert.equal(outcome.failure, null, outcome.failure?.message);
  assert.equal(outcome.status, 413);
});

test("an answer that its protocol ends before the body does leaves the connection for the next request", async (t) => {
  const { client, ask, upstream, origin } = await stage(t, [
    { steps: [{ send: CHUNKED }, { chunk: "done" }, { waitMs: 30 }, { chunk: " and more" }, "last-chunk"] },
    OK,
  ]);
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    const call = client.send(requestFor(origin), {
      onHead() {},
      onData(chunk) {
        seen.push(chunk.toString());
        call.finish?.();
        resolve();
      },
      onEnd: () => seen.push("end"),
      onFail: () => seen.push("failed"),
    });
  });
  while (client.stats().idle === 0) await pass(5);
  assert.deepEqual(seen, ["done"]);
  assert.equal((await ask(origin)).reused, true);
  assert.equal(upstream.connections, 1);
});

test("one whose body does not end after all is closed within moments", async (t) => {
  const { client, origin } = await stage(t, { steps: [{ send: CHUNKED }, { chunk: "done" }, "stall"] });
  await new Promise<void>((resolve) => {
    const call = client.send(requestFor(origin), {
      onHead() {},
      onData() {
        call.finish?.();
        resolve();
      },
      onEnd: () => assert.fail("it never ended"),
      onFail: () => assert.fail("nobody asked any more"),
    });
  });
  assert.equal(client.stats().open, 1);
  while (client.stats().open > 0) await pass(20);
});

const CHUNKED = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
