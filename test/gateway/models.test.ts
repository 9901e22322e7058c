/** Lists of models in every shape, and who may see what of them. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { startGateway } from "../support/gateway.ts";
import { aliasToml, providerToml } from "../support/providers.ts";

const CONFIG = `${providerToml("a", "openai", "http://127.0.0.1:9", 'models = ["gpt-x", "vendor/name:free"]')}
${providerToml("b", "anthropic", "http://127.0.0.1:9")}
${aliasToml("fast", [["a", "gpt-x"]])}
${aliasToml("claude", [["b", "claude-sonnet-4-5"]])}
${aliasToml("vectors", [["a", "text-embedding-3-small"]])}
[auth]
anonymous = "loopback"
[[auth.keys]]
id = "one"
key = "key-one-0123456789"
models = ["fast", "a/gpt-x"]
[[auth.keys]]
id = "other"
key = "key-other-0123456789"
providers = ["b"]
`;

describe("the list of models", async () => {
  const sluice = await startGateway(CONFIG);
  after(() => sluice.close());
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(sluice.url + path, { headers });
    return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
  };
  const ids = (body: { data: { id: string }[] }) => body.data.map((model) => model.id);

  test("holds aliases first, then what providers list", async () => {
    const { status, body, headers } = await get("/v1/models?limit=1000");
    assert.equal(status, 200);
    assert.deepEqual(ids(body), ["fast", "claude", "vectors", "a/gpt-x", "a/vendor/name:free"]);
    assert.equal(body.object, "list");
    assert.equal(body.data[0].owned_by, "sluice");
    assert.equal(body.data[3].owned_by, "a");
    assert.match(headers.get("x-request-id") ?? "", /./);
  });

  test("has Anthropic's shape for its callers, Gemini's for its own", async () => {
    const anthropic = await get("/v1/models", { "anthropic-version": "2023-06-01" });
    assert.equal(anthropic.body.has_more, false);
    assert.equal(anthropic.body.data[1].type, "model");
    assert.equal(anthropic.body.data[1].max_input_tokens, 200_000);
    for (const [path, headers] of [
      ["/v1beta/models", {}],
      ["/v1/models", { "x-goog-api-key": "k" }],
    ] as const) {
      const gemini = await get(path, headers);
      assert.equal(gemini.body.models[0].name, "models/fast");
      assert.deepEqual(gemini.body.models[2].supportedGenerationMethods, [
        "embedContent",
        "batchEmbedContents",
      ]);
    }
  });

  test("shows one model by its id, slashes and colons in it too", async () => {
    assert.equal((await get("/v1/models/fast")).body.id, "fast");
    assert.equal((await get("/v1/models/a/vendor%2Fname:free")).body.id, "a/vendor/name:free");
    assert.equal((await get("/v1beta/models/claude")).body.name, "models/claude");
    const missing = await get("/v1/models/nope", { "anthropic-version": "2023-06-01" });
    assert.equal(missing.status, 404);
    assert.equal(missing.body.error.type, "not_found_error");
  });

  test("shows a key only what it may use", async () => {
    const one = await get("/v1/models", { authorization: "Bearer key-one-0123456789" });
    assert.deepEqual(ids(one.body), ["fast", "a/gpt-x"]);
    const other = await get("/v1/models", { authorization: "Bearer key-other-0123456789" });
    assert.deepEqual(ids(other.body), ["claude"]);
    const forbidden = await get("/v1/models/claude", { authorization: "Bearer key-one-0123456789" });
    assert.equal(forbidden.status, 403);
  });

  test("leaves out what cannot be used now only when that is asked for", async () => {
    sluice.gateway.setOffline("b", true);
    assert.ok(ids((await get("/v1/models")).body).includes("claude"));
    assert.deepEqual(ids((await get("/v1/models?usable=1")).body), [
      "fast",
      "vectors",
      "a/gpt-x",
      "a/vendor/name:free",
    ]);
    sluice.gateway.setOffline("b", false);
  });

  test("is what Ollama's callers call tags, ps and show", async () => {
    const tags = await get("/api/tags");
    assert.deepEqual(tags.body.models.map((model: { name: string }) => model.name).slice(0, 2), [
      "fast",
      "claude",
    ]);
    assert.equal((await get("/api/ps")).body.models[0].name, "fast");
    assert.match((await get("/api/version")).body.version, /^0\.\d+/);
    const show = await sluice.post("/api/show", { model: "claude:latest" });
    assert.equal(show.json().model_info["sluice.context_length"], 200_000);
    assert.ok(show.json().capabilities.includes("thinking"));
    assert.deepEqual((await sluice.post("/api/show", { name: "vectors" })).json().capabilities, [
      "embedding",
    ]);
    const missing = await sluice.post("/api/show", { model: "nope" });
    assert.equal(missing.status, 404);
    assert.match(missing.json().error, /nope/);
    assert.equal((await sluice.post("/api/show", {})).status, 400);
  });
});
