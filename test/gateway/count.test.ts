/** Token counting through the gateway: by the target's own counter, by another vendor's, or estimated. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { jsonAnswer, answer as play } from "../support/answers.ts";
import { startGateway } from "../support/gateway.ts";
import { aliasToml, lastAsked, providerToml } from "../support/providers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const messages = [{ role: "user", content: "How many tokens are these?" }];

describe("a token count", async () => {
  const anthropic = await startUpstream(jsonAnswer({ input_tokens: 42 }));
  const gemini = await startUpstream(jsonAnswer({ totalTokens: 43 }));
  const responses = await startUpstream(jsonAnswer({ object: "response.input_tokens", input_tokens: 44 }));
  const plain = await startUpstream(play({ status: 404, body: "not found" }));
  const sluice = await startGateway(
    providerToml("an", "anthropic", anthropic.url) +
      providerToml("ge", "gemini", gemini.url) +
      providerToml("re", "responses", responses.url) +
      providerToml("op", "openai", plain.url) +
      providerToml("imitator", "anthropic", plain.url) +
      aliasToml("claude", [["an", "claude-sonnet-4-5"]]) +
      aliasToml("gem", [["ge", "gemini-2.5-flash"]]) +
      aliasToml("gpt", [["re", "gpt-4o"]]) +
      aliasToml("llama", [["op", "llama"]]) +
      aliasToml("like", [["imitator", "kimi"]]) +
      aliasToml("mixed", [
        ["op", "llama"],
        ["an", "claude-sonnet-4-5"],
      ]),
  );
  after(async () => {
    await sluice.close();
    for (const upstream of [anthropic, gemini, responses, plain]) await upstream.close();
  });

  test("of Anthropic's caller is Anthropic's, with betas and members as they came", async () => {
    const answer = await sluice.post(
      "/v1/messages/count_tokens?beta=true",
      { model: "claude", messages },
      { "anthropic-beta": "token-counting-2024-11-01", "anthropic-version": "2023-06-01" },
    );
    assert.deepEqual(answer.json(), { input_tokens: 42 });
    const request = anthropic.requests.at(-1);
    assert.equal(request?.path, "/v1/messages/count_tokens");
    assert.equal(request?.header("anthropic-beta"), "token-counting-2024-11-01");
    assert.deepEqual(request?.json(), { model: "claude-sonnet-4-5", messages });
    assert.equal(answer.headers.get("x-sluice-estimate"), null);
  });

  test("is asked of Gemini for Anthropic's caller", async () => {
    const answer = await sluice.post("/v1/messages/count_tokens", {
      model: "gem",
      system: "Be brief.",
      messages,
    });
    assert.deepEqual(answer.json(), { input_tokens: 43 });
    const request = gemini.requests.at(-1);
    assert.equal(request?.path, "/v1beta/models/gemini-2.5-flash:countTokens");
    const generateContentRequest = lastAsked(gemini)["generateContentRequest"] as Record<string, unknown>;
    assert.equal(generateContentRequest["model"], "models/gemini-2.5-flash");
    assert.ok("systemInstruction" in generateContentRequest);
  });

  test("is asked of Responses and of Anthropic for Gemini's caller", async () => {
    const contents = [{ role: "user", parts: [{ text: "How many?" }] }];
    const fromResponses = await sluice.post("/v1beta/models/gpt:countTokens", { contents });
    assert.deepEqual(fromResponses.json(), { totalTokens: 44 });
    assert.equal(responses.requests.at(-1)?.path, "/v1/responses/input_tokens");
    const asked = lastAsked(responses);
    assert.equal(asked["model"], "gpt-4o");
    assert.equal("store" in asked, false);
    const fromAnthropic = await sluice.post("/v1beta/models/claude:countTokens", { contents });
    assert.deepEqual(fromAnthropic.json(), { totalTokens: 42 });
    assert.equal("max_tokens" in lastAsked(anthropic), false);
  });

  test("without a counter is estimated, and says so, in each caller's shape", async () => {
    const claude = await sluice.post("/v1/messages/count_tokens", { model: "llama", messages });
    assert.equal(claude.status, 200);
    assert.equal(claude.headers.get("x-sluice-estimate"), "1");
    assert.ok(claude.json().input_tokens > 3);
    const gem = await sluice.post("/v1beta/models/llama:countTokens", {
      contents: [{ parts: [{ text: "a b c d" }] }],
    });
    assert.equal(gem.headers.get("x-sluice-estimate"), "1");
    assert.ok(gem.json().totalTokens > 0);
    const open = await sluice.post("/v1/responses/input_tokens", { model: "llama", input: "a b c d" });
    assert.equal(open.json().object, "response.input_tokens");
    assert.equal(plain.requests.length, 0);
  });

  test("is taken from the target of the alias that can count", async () => {
    const answer = await sluice.post("/v1/messages/count_tokens", { model: "mixed", messages });
    assert.deepEqual(answer.json(), { input_tokens: 42 });
  });

  test("is estimated when a server that imitates Anthropic has no counter", async () => {
    const answer = await sluice.post("/v1/messages/count_tokens", { model: "like", messages });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers.get("x-sluice-estimate"), "1");
  });

  test("of an unknown model is a 404 in Anthropic's words", async () => {
    const answer = await sluice.post("/v1/messages/count_tokens", { model: "nope", messages });
    assert.equal(answer.status, 404);
    assert.equal(answer.json().error.type, "not_found_error");
  });
});
