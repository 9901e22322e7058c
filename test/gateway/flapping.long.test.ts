/** A primary that is down for a minute, in real time and over real sockets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiChat, openaiError } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

test("one request every 4 s: each is answered, and the primary has them back in time", {
  timeout: 180_000,
}, async () => {
  const began = performance.now();
  const isDown = () => performance.now() - began < 60_000;
  const primary = await startUpstream((request) =>
    isDown() ? openaiError(500) : openaiChat({ text: "from a" })(request),
  );
  const backup = await startUpstream(openaiChat({ text: "from b" }));
  const sluice = await startGateway(failoverConfig([primary.url, backup.url]));
  try {
    let back = -1;
    let opened = false;
    while (performance.now() - began < 100_000 && back < 0) {
      const at = performance.now() - began;
      const before = primary.requests.length;
      const answer = await sluice.post("/v1/chat/completions", {
        model: "m",
        messages: [{ role: "user", content: "hi" }],
      });
      assert.equal(answer.status, 200, answer.text);
      if (opened && at < 60_000) assert.ok(primary.requests.length - before <= 1);
      opened ||= sluice.gateway.status().models[0]?.targets[0]?.circuit !== "closed";
      if (answer.headers.get("x-sluice-provider") === "a") back = at;
      await new Promise((next) => setTimeout(next, 4000));
    }
    assert.ok(back >= 60_000 && back <= 60_000 + 1.1 * 15_000 + 4500, `back after ${back} ms`);
  } finally {
    await sluice.close();
    await primary.close();
    await backup.close();
  }
});
