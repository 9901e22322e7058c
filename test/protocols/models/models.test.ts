/** The model lists as the official SDKs read them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { writeAnthropicModel, writeAnthropicModels } from "../../../src/protocols/models/anthropic.ts";
import { writeGeminiModel, writeGeminiModels } from "../../../src/protocols/models/gemini.ts";
import type { ModelEntry } from "../../../src/protocols/models/model-entry.ts";
import { writeOpenaiModel, writeOpenaiModels } from "../../../src/protocols/models/openai.ts";
import { startAnswerServer } from "../support/answer-server.ts";

const FAST: ModelEntry = {
  id: "fast",
  owner: "sluice",
  created: 1_790_000_000,
  kind: "chat",
  contextTokens: 200_000,
};
const EMBED: ModelEntry = {
  id: "openai/text-embedding-3-small",
  owner: "openai",
  created: 1,
  kind: "embedding",
};
const ENTRIES = [FAST, EMBED];

test("openai lists and retrieves the models", async (t) => {
  const server = await startAnswerServer(({ path }) => ({
    body: path.endsWith("/models") ? writeOpenaiModels(ENTRIES) : writeOpenaiModel(FAST),
  }));
  t.after(server.close);
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k" });
  const ids: string[] = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.deepEqual(ids, ["fast", "openai/text-embedding-3-small"]);
  assert.deepEqual(await client.models.retrieve("fast"), {
    id: "fast",
    object: "model",
    created: 1_790_000_000,
    owned_by: "sluice",
  });
});

test("anthropic lists and retrieves the models, one page", async (t) => {
  const server = await startAnswerServer(({ path }) => ({
    body: path.includes("/models/") ? writeAnthropicModel(FAST) : writeAnthropicModels(ENTRIES),
  }));
  t.after(server.close);
  const client = new Anthropic({ baseURL: server.url, apiKey: "k" });
  const ids: string[] = [];
  for await (const model of client.models.list({ limit: 1000 })) ids.push(model.id);
  assert.deepEqual(ids, ["fast", "openai/text-embedding-3-small"]);
  assert.equal(server.requests.length, 1);
  const model = await client.models.retrieve("fast");
  assert.equal(model.created_at, "2026-09-21T14:13:20.000Z");
  assert.equal(model.max_input_tokens, 200_000);
  assert.deepEqual(JSON.parse(writeAnthropicModels([])), {
    data: [],
    has_more: false,
    first_id: null,
    last_id: null,
  });
});

test("genai lists and gets the models", async (t) => {
  const server = await startAnswerServer(({ path }) => ({
    body: path.includes("/models/") ? writeGeminiModel(EMBED) : writeGeminiModels(ENTRIES),
  }));
  t.after(server.close);
  const client = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: server.url } });
  const names: string[] = [];
  for await (const model of await client.models.list()) names.push(model.name ?? "");
  assert.deepEqual(names, ["models/fast", "models/openai/text-embedding-3-small"]);
  const model = await client.models.get({ model: "openai/text-embedding-3-small" });
  assert.deepEqual(model.supportedActions, ["embedContent", "batchEmbedContents"]);
});
