import assert from "node:assert/strict";
import { test } from "node:test";
import { headerValue } from "../../src/base/headers.ts";
import { originOf } from "../../src/upstream/origin.ts";
import { answer } from "../support/answers.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";
import { createAuthority, createCertificate } from "../support/tls.ts";
import { testClient } from "../support/upstream-call.ts";

test("a request goes out as written and its answer comes back whole, over one kept connection", async (t) => {
  const upstream = await startUpstream(openaiChat({ text: "Hello from here" }));
  const { ask, client, time, close } = testClient();
  t.after(() => upstream.close());
  t.after(close);
  const origin = originOf(upstream.url);
  for (let i = 0; i < 3; i += 1) {
    const outcome = await ask(origin, {
      path: "/v1/chat/completions?x=1",
      headers: "x-one: 1\r\n",
      body: JSON.stringify({ model: "m", stream: i === 1 }),
    });
    assert.equal(outcome.failure, null);
    assert.equal(outcome.status, 200);
    assert.equal(outcome.clean, true);
    assert.equal(outcome.reused, i > 0);
    assert.match(outcome.body.toString(), i === 1 ? /\[DONE\]/ : /Hello from here/);
    assert.match(headerValue(outcome.headers, "content-type"), i === 1 ? /event-stream/ : /json/);
  }
  const [first] = upstream.requests;
  assert.equal(first?.path, "/v1/chat/completions?x=1");
  assert.equal(first?.header("host"), `127.0.0.1:${upstream.port}`);
  assert.equal(first?.header("x-one"), "1");
  assert.equal(upstream.connections, 1);
  assert.deepEqual(client.stats(), { open: 1, idle: 1, waiting: 0 });
  close();
  assert.deepEqual(client.stats(), { open: 0, idle: 0, waiting: 0 });
  assert.equal(time.timers.size, 0);
});

test("the same over TLS, with an extra CA, and the second connection resumes the session of the first", async (t) => {
  const authority = createAuthority();
  const upstream = await startUpstream(answer({ body: "ok", delayMs: 60 }), {
    tls: createCertificate(authority),
  });
  const { ask, close } = testClient();
  t.after(() => upstream.close());
  t.after(close);
  const origin = originOf(upstream.url, { ca: [authority.cert] });
  const first = await ask(origin);
  assert.deepEqual(first.failure, null);
  assert.equal(first.body.toString(), "ok");
  assert.equal((await ask(origin)).reused, true);
  await Promise.all([ask(origin), ask(origin)]);
  assert.equal(upstream.connections, 2);
  assert.equal(upstream.resumed, 1);
});
