/** Answers that no caller's protocol can show, or that hold very much, end in an answer or an error: never in an exception past the request. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { answer, jsonAnswer } from "../support/answers.ts";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const MESSAGES = [{ role: "user", content: "hi" }];
const CHAT = { model: "m", messages: MESSAGES };
const CLAUDE = { model: "m", max_tokens: 9, messages: MESSAGES };

function completion(message: object, rest: object = {}): object {
  return { id: "x", model: "m", choices: [{ index: 0, message, finish_reason: "stop", ...rest }] };
}

function calls(args: string): object {
  return completion({
    tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: args } }],
  });
}

describe("an odd answer", async () => {
  const upstream = await startUpstream(answer());
  const sluice = await startGateway(failoverConfig([upstream.url], "[retry]\nper_target = 1\n"));
  after(async () => {
    await sluice.close();
    await upstream.close();
  });

  test("whose call is no JSON is an upstream error where the caller's protocol has no place for it", async () => {
    upstream.play(jsonAnswer(calls("{x}")));
    const got = await sluice.post("/v1/messages", CLAUDE);
    assert.equal(got.status, 500, got.text);
    assert.match(got.text, /not valid JSON/);
  });

  test("of 200,000 parts is the stream that was asked for", async () => {
    const images = Array.from({ length: 200_000 }, () => ({
      image_url: { url: "data:image/png;base64,AA" },
    }));
    upstream.play(jsonAnswer(completion({ images })));
    const got = await sluice.post("/v1/messages", { ...CLAUDE, stream: true });
    assert.equal(got.status, 200, got.text.slice(0, 200));
    assert.match(got.text, /message_stop/);
  });

  test("with 200,000 log probabilities reaches the caller of a Responses stream", async () => {
    const content = Array.from({ length: 200_000 }, () => ({ token: "a", logprob: -1 }));
    upstream.play(jsonAnswer(completion({ content: "a" }, { logprobs: { content } })));
    const got = await sluice.post("/v1/responses", { model: "m", input: "hi", stream: true });
    assert.equal(got.status, 200, got.text.slice(0, 200));
    assert.match(got.text, /response.completed/);
  });

  test("leaves the gateway serving", async () => {
    upstream.play(jsonAnswer(completion({ content: "still here" })));
    assert.match((await sluice.post("/v1/chat/completions", CHAT)).text, /still here/);
  });
});
