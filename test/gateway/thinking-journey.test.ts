/** Claude's thinking through a caller of another protocol and back, and what Ollama callers learn of time. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { jsonAnswer } from "../support/answers.ts";
import { startGateway } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const SIGNATURE = "EqQBCkgIBxABGAIiQH+signature/of=the=vendor==";
const tool = { type: "function", name: "look", parameters: { type: "object", properties: {} } };
const first = { role: "user", content: "what is behind the door?" };

describe("a Responses caller over Claude", async () => {
  const upstream = await startUpstream(
    jsonAnswer({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "claude-sonnet-4-6",
      content: [
        { type: "thinking", thinking: "I should look.", signature: SIGNATURE },
        { type: "tool_use", id: "toolu_1", name: "look", input: {} },
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
      usage: { input_tokens: 10, output_tokens: 5 },
    }),
  );
  const sluice = await startGateway(
    `[provider.claude]\nprotocol = "anthropic"\nbase_url = "${upstream.url}"\napi_key = "k"\n[model.m]\ntargets = [{ provider = "claude", model = "claude-sonnet-4-6" }]\n`,
  );
  after(async () => {
    await sluice.close();
    await upstream.close();
  });
  const ask = (input: unknown[], tools: unknown[]) =>
    sluice.post("/v1/responses", {
      model: "m",
      input,
      tools,
      store: false,
      include: ["reasoning.encrypted_content"],
      reasoning: { effort: "high" },
    });
  const sent = () => JSON.parse(upstream.requests.at(-1)?.body.toString() ?? "{}");
  const thinkingSent = () =>
    sent()
      .messages.flatMap((message: { content: unknown }) =>
        Array.isArray(message.content) ? message.content : [],
      )
      .filter((block: { type: string }) => block.type === "thinking");

  test("gets its thinking back in the next turn, byte for byte; with another tool it is left out", async () => {
    const answer = await ask([first], [tool]);
    assert.equal(answer.status, 200, answer.text);
    const output = answer.json().output;
    const result = { type: "function_call_output", call_id: output.at(-1).call_id, output: "a wall" };
    assert.equal((await ask([first, ...output, result], [tool])).status, 200);
    assert.deepEqual(thinkingSent(), [
      { type: "thinking", thinking: "I should look.", signature: SIGNATURE },
    ]);

    const other = { ...tool, name: "knock" };
    assert.equal((await ask([first, ...output, result], [tool, other])).status, 200);
    assert.deepEqual(thinkingSent(), []);
  });
});

test("an Ollama caller is told how long its answer took", async () => {
  const upstream = await startUpstream(openaiChat({ text: "slow and steady", everyMs: 20 }));
  const sluice = await startGateway(
    `[provider.a]\nbase_url = "${upstream.url}/v1"\napi_key = "k"\n[model.m]\ntargets = [{ provider = "a", model = "x" }]\n`,
  );
  try {
    const answer = await sluice.post("/api/chat", {
      model: "m",
      messages: [{ role: "user", content: "hi" }],
    });
    const last = JSON.parse(answer.text.trim().split("\n").at(-1) ?? "{}");
    assert.equal(last.done, true);
    assert.ok(last.total_duration >= 20e6, `total_duration is ${last.total_duration} ns`);
  } finally {
    await sluice.close();
    await upstream.close();
  }
});
