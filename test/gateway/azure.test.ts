/** Azure as an upstream (deployment paths and v1), Azure's clients as callers, Bedrock's Mantle endpoint, Google AI. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { AzureOpenAI } from "openai";
import { anthropicMessages } from "../support/anthropic-answers.ts";
import { startGateway } from "../support/gateway.ts";
import { gemini } from "../support/gemini-answers.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { aliasToml, lastAsked, providerToml } from "../support/providers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const messages = [{ role: "user" as const, content: "hi" }];

describe("Azure OpenAI", async () => {
  const upstream = await startUpstream(openaiChat({ text: "hello there" }));
  const sluice = await startGateway(
    `[provider.az]\nazure_openai = { resource_name = "res" }\napi_key = "az-secret"\n${providerToml("v1", "openai", `${upstream.url}/openai`)}` +
      aliasToml("m", [["az", "my(deploy)"]]) +
      aliasToml("new", [["v1", "my-deployment"]]),
    { hosts: { "res.openai.azure.com": upstream.url } },
  );
  after(async () => {
    await sluice.close();
    await upstream.close();
  });

  test("classic: the deployment stands in the path, the key in api-key", async () => {
    const answer = await sluice.post("/v1/chat/completions", { model: "m", messages });
    assert.equal(answer.status, 200, answer.text);
    const request = upstream.requests.at(-1);
    assert.equal(request?.path, "/openai/deployments/my(deploy)/chat/completions?api-version=2024-10-21");
    assert.equal(request?.header("api-key"), "az-secret");
    assert.equal(request?.header("authorization"), "");
  });

  test("v1: an OpenAI server like any other", async () => {
    await sluice.post("/v1/chat/completions", { model: "new", messages });
    assert.equal(upstream.requests.at(-1)?.path, "/openai/v1/chat/completions");
    assert.equal(lastAsked(upstream)["model"], "my-deployment");
  });

  test("100. its own client reaches the alias by the deployment's name, whatever the body's model", async () => {
    const client = new AzureOpenAI({
      endpoint: sluice.url,
      apiKey: "k",
      apiVersion: "2024-10-21",
      deployment: "new",
      maxRetries: 0,
    });
    const answer = await client.chat.completions.create({ model: "ignored", messages });
    assert.equal(answer.choices[0]?.message.content, "hello there");
    assert.equal(lastAsked(upstream)["model"], "my-deployment");
    let text = "";
    for await (const chunk of await client.chat.completions.create({
      model: "ignored",
      messages,
      stream: true,
    })) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    assert.equal(text, "hello there");
  });
});

test("Bedrock's Mantle endpoint: Anthropic's API behind a bearer key, without what it refuses", async () => {
  const upstream = await startUpstream(anthropicMessages({ text: "hello" }));
  const sluice = await startGateway(
    `[provider.b]\nbedrock = { region = "eu-central-1" }\napi_key = "br-secret"\n${aliasToml("m", [["b", "anthropic.claude-sonnet-4-5"]])}`,
    { hosts: { "bedrock-mantle.eu-central-1.api.aws": upstream.url } },
  );
  const body = { model: "m", max_tokens: 5, messages, context_management: { edits: [] } };
  const answer = await sluice.post("/v1/messages", body, {
    "anthropic-beta": "context-1m-2025-08-07, made-up-2026-01-01",
  });
  assert.equal(answer.status, 200, answer.text);
  const request = upstream.requests.at(-1);
  assert.equal(request?.path, "/anthropic/v1/messages");
  assert.equal(request?.header("authorization"), "Bearer br-secret");
  assert.equal(request?.header("anthropic-beta"), "context-1m-2025-08-07");
  assert.equal(request?.header("anthropic-version"), "2023-06-01");
  assert.deepEqual(lastAsked(upstream), { model: "anthropic.claude-sonnet-4-5", max_tokens: 5, messages });
  await sluice.close();
  await upstream.close();
});

test("Google AI: the configured version, the key in its header", async () => {
  const upstream = await startUpstream(gemini({ text: "hello" }));
  const sluice = await startGateway(
    `[provider.g]\ngoogle_ai = { api_version = "v1" }\napi_key = "g-secret"\n${aliasToml("m", [["g", "gemini-2.5-pro"]])}`,
    { hosts: { "generativelanguage.googleapis.com": upstream.url } },
  );
  assert.equal((await sluice.post("/v1/chat/completions", { model: "m", messages })).status, 200);
  assert.equal(upstream.requests.at(-1)?.path, "/v1/models/gemini-2.5-pro:generateContent");
  assert.equal(upstream.requests.at(-1)?.header("x-goog-api-key"), "g-secret");
  await sluice.close();
  await upstream.close();
});
