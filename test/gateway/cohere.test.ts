/** Cohere's callers, v2 and v1, over Cohere and over an OpenAI upstream. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { cohereChat } from "../support/cohere-answers.ts";
import { startGateway } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { aliasToml, lastAsked, providerToml } from "../support/providers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const messages = [{ role: "user", content: "hi" }];

describe("Cohere's callers", async () => {
  const native = await startUpstream(cohereChat({ text: "hello there" }));
  const foreign = await startUpstream(openaiChat({ text: "hello there" }));
  const sluice = await startGateway(
    providerToml("c", "cohere", native.url) +
      providerToml("o", "openai", foreign.url) +
      aliasToml("cmd", [["c", "command-a"]]) +
      aliasToml("gpt", [["o", "gpt-4o"]]),
  );
  after(async () => {
    await sluice.close();
    await native.close();
    await foreign.close();
  });

  for (const model of ["cmd", "gpt"]) {
    test(`v2 over ${model}: whole and streamed`, async () => {
      const whole = await sluice.post("/v2/chat", { model, messages });
      assert.equal(whole.status, 200, whole.text);
      assert.equal(whole.json().message.content[0].text, "hello there");
      const streamed = await sluice.post("/v2/chat", { model, messages, stream: true });
      assert.match(streamed.text, /event: message-start/);
      assert.match(streamed.text, /event: message-end/);
    });
  }

  test("v2's body passes to Cohere with the model replaced", async () => {
    const body = { model: "cmd", messages, safety_mode: "OFF", own: 1 };
    await sluice.post("/v2/chat", body);
    assert.equal(native.requests.at(-1)?.path, "/v2/chat");
    assert.deepEqual(lastAsked(native), { ...body, model: "command-a" });
  });

  test("v1 over an OpenAI upstream: whole, and one JSON object a line", async () => {
    const whole = await sluice.post("/v1/chat", { model: "gpt", message: "hi", preamble: "Be brief." });
    assert.equal(whole.status, 200, whole.text);
    assert.equal(whole.json().text, "hello there");
    assert.deepEqual(lastAsked(foreign)["messages"], [{ role: "system", content: "Be brief." }, ...messages]);
    const streamed = await sluice.post("/v1/chat", { model: "gpt", message: "hi", stream: true });
    const lines = streamed.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(lines[0].event_type, "stream-start");
    assert.equal(lines.at(-1).event_type, "stream-end");
    assert.equal(lines.at(-1).finish_reason, "COMPLETE");
  });

  test("v1's body passes to Cohere's v1", async () => {
    await sluice.post("/v1/chat", { model: "cmd", message: "hi", connectors: [] });
    assert.equal(native.requests.at(-1)?.path, "/v1/chat");
    assert.deepEqual(lastAsked(native), { model: "command-a", message: "hi", connectors: [] });
  });
});
