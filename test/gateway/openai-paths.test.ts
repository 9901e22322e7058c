import assert from "node:assert/strict";
import { test } from "node:test";
import { openai } from "../../src/providers/openai.ts";
import type { PathCall, ProviderFacts } from "../../src/providers/provider.ts";

test("chats of providers that are asked in turn each go to their own path, which stays the same string", () => {
  const chat: PathCall = { operation: "chat", protocol: "openai-chat", model: "m", stream: false, rest: "" };
  const pathOf = (basePath: string, call = chat) => openai.path({ basePath } as ProviderFacts, call);
  for (const base of ["", "/v1", "/v2", "/v1", "/v1", ""]) {
    assert.equal(pathOf(base), `${base}/chat/completions`);
    assert.equal(pathOf(base, { ...chat, protocol: "openai-responses" }), `${base}/responses`);
    assert.equal(pathOf(base, { ...chat, operation: "embed" }), `${base}/embeddings`);
    assert.equal(pathOf(base), `${base}/chat/completions`);
  }
});
