/** A provider that sends its head and then nothing for 20 s, with the built-in defaults, in real time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventStream } from "../support/answers.ts";
import { startGateway } from "../support/gateway.ts";
import { openaiChat, openaiChatEvents } from "../support/openai-answers.ts";
import { publicAlias } from "../support/public-alias.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

test("20 s of silence after the headers costs the caller under 15 s", { timeout: 60_000 }, async () => {
  const silent = eventStream(openaiChatEvents({ text: "too late" }));
  const [head, ...rest] = silent.steps;
  const primary = await startUpstream({ steps: [head ?? "stall", { waitMs: 20_000 }, ...rest] });
  const backup = await startUpstream(openaiChat({ text: "in time" }));
  const sluice = await startGateway(publicAlias([primary.url, backup.url]));
  try {
    const began = performance.now();
    const answer = await sluice.post("/v1/chat/completions", {
      model: "m",
      messages: [{ role: "user", content: "hi" }],
      stream: true,
    });
    const took = performance.now() - began;
    assert.equal(answer.status, 200);
    assert.match(answer.text, /\[DONE\]\n\n$/);
    assert.equal(answer.headers.get("x-sluice-provider"), "b");
    assert.ok(took < 15_000, `${took} ms`);
  } finally {
    await sluice.close();
    await primary.close();
    await backup.close();
  }
});
