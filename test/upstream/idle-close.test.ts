import assert from "node:assert/strict";
import { test } from "node:test";
import { createUpstreamClient } from "../../src/upstream/http1-client.ts";
import { originOf } from "../../src/upstream/origin.ts";
import { answer } from "../support/answers.ts";
import { fakeTime } from "../support/fake-time.ts";
import { startUpstream } from "../support/scripted-upstream.ts";
import { askThrough } from "../support/upstream-call.ts";

test("idle connections close after 55 s, each at its own moment, with one timer for all of them", async (t) => {
  const time = fakeTime();
  const client = createUpstreamClient({ time });
  const upstreams = await Promise.all([0, 1, 2].map(() => startUpstream(answer({ body: "ok" }))));
  t.after(async () => {
    client.close();
    for (const upstream of upstreams) await upstream.close();
  });
  for (const upstream of upstreams) {
    assert.equal((await askThrough(client, originOf(upstream.url))).failure, null);
    time.advance(10_000);
  }
  assert.equal(client.stats().idle, 3);
  assert.equal(time.pending, 1);
  time.advance(24_900);
  assert.equal(client.stats().idle, 3);
  time.advance(200);
  assert.equal(client.stats().idle, 2);
  await upstreams[0]?.drained();
  time.advance(20_000);
  assert.deepEqual(client.stats(), { open: 0, idle: 0, waiting: 0 });
  assert.equal(time.pending, 0);
});

test("a server that closes idle connections early teaches the client to close before it", async (t) => {
  const time = fakeTime();
  const client = createUpstreamClient({ time });
  const upstream = await startUpstream(answer({ body: "ok" }));
  t.after(async () => {
    client.close();
    await upstream.close();
  });
  const origin = originOf(upstream.url);
  await askThrough(client, origin);
  time.advance(15_000);
  upstream.cut();
  while (client.stats().idle > 0) await new Promise((resolve) => setImmediate(resolve));
  await askThrough(client, origin);
  time.advance(13_900);
  assert.equal(client.stats().idle, 1);
  time.advance(200);
  assert.equal(client.stats().idle, 0);
});
