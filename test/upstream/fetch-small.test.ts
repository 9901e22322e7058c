import assert from "node:assert/strict";
import { test } from "node:test";
import { headerValue } from "../../src/base/headers.ts";
import { fetchSmall } from "../../src/upstream/fetch-small.ts";
import { answer, jsonAnswer } from "../support/answers.ts";
import { stage } from "./stage.ts";

test("a small request comes back whole, whatever its status", async (t) => {
  const { client, origin, upstream } = await stage(t, [
    jsonAnswer({ keys: [] }),
    jsonAnswer({ error: "no" }, { status: 400 }),
  ]);
  const first = await fetchSmall(client, origin, {
    path: "/jwks",
    timeoutMs: 2000,
    headers: "accept: application/json\r\n",
  });
  assert.equal(first.status, 200);
  assert.deepEqual(JSON.parse(first.body.toString()), { keys: [] });
  assert.equal(headerValue(first.headers, "content-type"), "application/json");
  const second = await fetchSmall(client, origin, {
    path: "/token",
    timeoutMs: 2000,
    body: Buffer.from("a=b"),
  });
  assert.equal(second.status, 400);
  assert.deepEqual(
    upstream.requests.map(({ method, path, body }) => `${method} ${path} ${body}`),
    ["GET /jwks ", "POST /token a=b"],
  );
});

test("an answer that is too large, too late or not one at all rejects with a code", async (t) => {
  const { client, origin, upstream } = await stage(t, answer({ body: Buffer.alloc(300_000) }));
  const ask = (options: { maxBytes?: number; timeoutMs?: number; signal?: AbortSignal }) =>
    fetchSmall(client, origin, { path: "/", timeoutMs: 2000, ...options });
  await assert.rejects(ask({}), { code: "answer_too_large" });
  assert.equal((await ask({ maxBytes: 300_000 })).body.length, 300_000);
  upstream.play({ steps: ["stall"] });
  await assert.rejects(ask({ timeoutMs: 100 }), { code: "upstream_total_timeout", kind: "timeout" });
  await assert.rejects(ask({ signal: AbortSignal.timeout(50) }), { code: "aborted" });
  await assert.rejects(ask({ signal: AbortSignal.abort() }), { code: "aborted" });
  upstream.play({ steps: ["rst"] });
  await assert.rejects(ask({}), { code: "upstream_reset", kind: "upstream" });
});
