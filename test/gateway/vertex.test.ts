/** Vertex: Gemini and Claude on Google's paths, with tokens from key files, gcloud's login or the metadata server. */
import assert from "node:assert/strict";
import { createVerify, generateKeyPairSync } from "node:crypto";
import { after, describe, test } from "node:test";
import { jsonAnswer } from "../support/answers.ts";
import { anthropicMessages } from "../support/anthropic-answers.ts";
import { startGateway, type TestGatewayOptions } from "../support/gateway.ts";
import { gemini } from "../support/gemini-answers.ts";
import { aliasToml, lastAsked } from "../support/providers.ts";
import { type ReceivedRequest, startUpstream } from "../support/scripted-upstream.ts";

const HOST = "europe-west1-aiplatform.googleapis.com";
const hello = { model: "m", messages: [{ role: "user", content: "hi" }] };
const BASE = "/v1/projects/proj/locations/europe-west1/publishers";

function vertexToml(model: string, extra = "") {
  return `[provider.v]\nvertex_ai = { project_id = "proj", location = "europe-west1", ${extra} }\n${aliasToml("m", [["v", model]])}`;
}

/** A file system of these files. */
function filesOf(files: Readonly<Record<string, string>>): (path: string) => string {
  return (path) => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT: ${path}`);
    return text;
  };
}

describe("Vertex", async () => {
  const upstream = await startUpstream(gemini({ text: "hello there" }));
  const tokens = await startUpstream((_request, index) =>
    jsonAnswer({ access_token: `token-${index}`, expires_in: 3599, token_type: "Bearer" }),
  );
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const account = JSON.stringify({
    type: "service_account",
    client_email: "robot@proj.iam",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    private_key_id: "kid-1",
    token_uri: `${tokens.url}/token`,
  });
  const hosts = { [HOST]: upstream.url, "oauth2.googleapis.com": tokens.url };
  const metadata = { GCE_METADATA_HOST: `127.0.0.1:${tokens.port}` };
  const start = (toml: string, options: TestGatewayOptions = {}) =>
    startGateway(toml, { hosts, env: metadata, readFile: filesOf({}), ...options });
  after(async () => {
    await upstream.close();
    await tokens.close();
  });

  test("Gemini: path, token of the metadata server, fetched once for many", async () => {
    upstream.play(gemini({ text: "hello there" }));
    tokens.forget();
    const sluice = await start(vertexToml("gemini-2.5-flash"));
    const answers = await Promise.all([1, 2, 3, 4].map(() => sluice.post("/v1/chat/completions", hello)));
    for (const answer of answers) {
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json().choices[0].message.content, "hello there");
    }
    assert.equal(tokens.requests.length, 1);
    assert.equal(tokens.requests[0]?.path, "/computeMetadata/v1/instance/service-accounts/default/token");
    assert.equal(tokens.requests[0]?.header("metadata-flavor"), "Google");
    const request = upstream.requests.at(-1);
    assert.equal(request?.path, `${BASE}/google/models/gemini-2.5-flash:generateContent`);
    assert.equal(request?.header("authorization"), "Bearer token-0");
    await sluice.post("/v1beta/models/m:streamGenerateContent?alt=sse", {
      contents: [{ role: "user", parts: [{ text: "x" }] }],
    });
    assert.equal(
      upstream.requests.at(-1)?.path,
      `${BASE}/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse`,
    );
    await sluice.close();
  });

  test("a service account signs for its token", async () => {
    tokens.forget();
    const sluice = await start(vertexToml("gemini-2.5-flash", 'credentials = "/keys/robot.json"'), {
      readFile: filesOf({ "/keys/robot.json": account }),
    });
    const answer = await sluice.post("/v1/chat/completions", hello);
    assert.equal(answer.status, 200, answer.text);
    const form = new URLSearchParams(tokens.requests[0]?.body.toString());
    assert.equal(form.get("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    const [head = "", claims = "", signature = ""] = (form.get("assertion") ?? "").split(".");
    assert.equal(
      createVerify("RSA-SHA256").update(`${head}.${claims}`).verify(publicKey, signature, "base64url"),
      true,
    );
    assert.deepEqual(JSON.parse(Buffer.from(head, "base64url").toString()), {
      alg: "RS256",
      typ: "JWT",
      kid: "kid-1",
    });
    const said = JSON.parse(Buffer.from(claims, "base64url").toString());
    assert.equal(said.iss, "robot@proj.iam");
    assert.equal(said.aud, `${tokens.url}/token`);
    assert.equal(said.exp - said.iat, 3600);
    await sluice.close();
  });

  test("gcloud's login is refreshed, and its project billed", async () => {
    tokens.forget();
    const login = JSON.stringify({
      type: "authorized_user",
      client_id: "id",
      client_secret: "secret",
      refresh_token: "refresh",
      quota_project_id: "billed",
    });
    const sluice = await start(vertexToml("gemini-2.5-flash"), {
      env: { HOME: "/home/me" },
      readFile: filesOf({ "/home/me/.config/gcloud/application_default_credentials.json": login }),
    });
    assert.equal((await sluice.post("/v1/chat/completions", hello)).status, 200);
    const form = new URLSearchParams(tokens.requests[0]?.body.toString());
    assert.equal(form.get("grant_type"), "refresh_token");
    assert.equal(form.get("refresh_token"), "refresh");
    assert.equal(upstream.requests.at(-1)?.header("x-goog-user-project"), "billed");
    await sluice.close();
  });

  test("without a token the caller learns why, and no secret", async () => {
    const sluice = await start(vertexToml("gemini-2.5-flash", 'credentials = "/keys/robot.json"'), {
      readFile: filesOf({
        "/keys/robot.json": JSON.stringify({
          type: "service_account",
          client_email: "x",
          private_key: "SECRET",
        }),
      }),
    });
    const answer = await sluice.post("/v1/chat/completions", hello);
    assert.equal(answer.status, 502);
    assert.match(answer.json().error.message, /no token from Google: its "private_key" cannot be read/);
    assert.doesNotMatch(answer.text, /SECRET/);
    await sluice.close();
  });

  test("Claude: model in the path, version and known betas in the body, no header of Anthropic's", async () => {
    upstream.play(anthropicMessages({ text: "bonjour" }));
    const sluice = await start(vertexToml("claude-sonnet-4-5@20250929"));
    const body = { ...hello, max_tokens: 5, context_management: { edits: [] } };
    const answer = await sluice.post("/v1/messages", body, {
      "anthropic-version": "2023-06-01",
      "anthropic-beta": "interleaved-thinking-2025-05-14,context-management-2025-06-27",
    });
    assert.equal(answer.status, 200, answer.text);
    const request = upstream.requests.at(-1);
    assert.equal(request?.path, `${BASE}/anthropic/models/claude-sonnet-4-5@20250929:rawPredict`);
    assert.deepEqual(lastAsked(upstream), {
      messages: hello.messages,
      max_tokens: 5,
      anthropic_version: "vertex-2023-10-16",
      anthropic_beta: ["interleaved-thinking-2025-05-14"],
    });
    assert.equal(request?.header("anthropic-beta"), "");
    assert.equal(request?.header("anthropic-version"), "");
    const streamed = await sluice.post("/v1/chat/completions", { ...hello, stream: true });
    assert.match(streamed.text, /bonjour[\s\S]*\[DONE\]/);
    assert.equal(
      upstream.requests.at(-1)?.path,
      `${BASE}/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict`,
    );
    assert.equal("model" in lastAsked(upstream), false);
    assert.equal(lastAsked(upstream)["anthropic_version"], "vertex-2023-10-16");
    await sluice.close();
  });

  test("Claude's counter has the model in the body", async () => {
    upstream.play(jsonAnswer({ input_tokens: 9 }));
    const sluice = await start(vertexToml("claude-sonnet-4-5@20250929"));
    const answer = await sluice.post("/v1/messages/count_tokens", hello);
    assert.deepEqual(answer.json(), { input_tokens: 9 });
    assert.equal(upstream.requests.at(-1)?.path, `${BASE}/anthropic/models/count-tokens:rawPredict`);
    assert.equal(lastAsked(upstream)["model"], "claude-sonnet-4-5@20250929");
    await sluice.close();
  });

  /** Each text's vector is its length; as `:predict` or `:embedContent`, whichever was asked. */
  const embed = (request: ReceivedRequest) => {
    const { instances, content } = request.json() as {
      instances?: { content: string }[];
      content?: { parts: { text: string }[] };
    };
    if (content !== undefined) {
      const values = [content.parts[0]?.text.length, 0.5];
      return jsonAnswer({ embedding: { values }, usageMetadata: { promptTokenCount: 2 } });
    }
    const predictions = instances?.map((entry) => ({
      embeddings: { values: [entry.content.length, 0.5], statistics: { token_count: 2, truncated: false } },
    }));
    return jsonAnswer({ predictions, metadata: { billableCharacterCount: 1 } });
  };
  const texts = Array.from({ length: 251 }, (_, index) => "x".repeat(index + 1));

  for (const [model, verb, requests] of [
    ["text-embedding-005", "predict", 2],
    ["gemini-embedding-001", "predict", 251],
    ["gemini-embedding-2", "embedContent", 251],
  ] as const) {
    test(`${model} embeds by :${verb}, as many texts at once as it takes, for callers of every kind`, async () => {
      upstream.forget();
      upstream.play(embed);
      const sluice = await start(vertexToml(model));
      const many = await sluice.post("/v1/embeddings", {
        model: "m",
        input: texts,
        encoding_format: "float",
      });
      assert.equal(many.status, 200, many.text);
      assert.deepEqual(
        many.json().data.map((entry: { embedding: number[] }) => entry.embedding[0]),
        texts.map((text) => text.length),
      );
      assert.equal(many.json().usage.prompt_tokens, 2 * 251);
      assert.equal(upstream.requests.length, requests);
      for (const { path } of upstream.requests) assert.equal(path, `${BASE}/google/models/${model}:${verb}`);
      // A caller of Gemini's own protocol too: AI Studio's verbs are not Vertex's.
      const request = { model: "models/m", content: { parts: [{ text: "abc" }] } };
      const batch = await sluice.post("/v1beta/models/m:batchEmbedContents", { requests: [request] });
      assert.deepEqual(batch.json(), { embeddings: [{ values: [3, 0.5] }] });
      const one = await sluice.post("/v1beta/models/m:embedContent", request);
      assert.deepEqual(one.json(), { embedding: { values: [3, 0.5] } });
      assert.equal(upstream.requests.at(-1)?.path, `${BASE}/google/models/${model}:${verb}`);
      const cohere = await sluice.post("/v2/embed", {
        model: "m",
        texts: ["abc"],
        input_type: "search_query",
        embedding_types: ["float"],
      });
      assert.deepEqual(cohere.json().embeddings.float, [[3, 0.5]]);
      await sluice.close();
    });
  }

  test("an error of :predict is told in the caller's form, and Claude embeds nothing", async () => {
    const message = "250 instance(s) is allowed per prediction. Actual: 512";
    upstream.play(jsonAnswer({ error: { code: 400, message, status: "INVALID_ARGUMENT" } }, { status: 400 }));
    const sluice = await start(vertexToml("text-embedding-005"));
    const answer = await sluice.post("/v1/embeddings", { model: "m", input: "a" });
    assert.equal(answer.status, 400);
    assert.equal(answer.json().error.message, message);
    await sluice.close();
    upstream.forget();
    const claude = await start(vertexToml("claude-sonnet-4-5"));
    const refused = await claude.post("/v1/embeddings", { model: "m", input: "a" });
    assert.equal(refused.status, 400);
    assert.equal(refused.json().error.code, "unsupported_endpoint");
    assert.equal(upstream.requests.length, 0);
    await claude.close();
  });

  test("billing labels go into Gemini's bodies where the provider says so, beside the caller's own", async () => {
    upstream.play(gemini({ text: "x" }));
    const toml = `[attribution]\nservice = "kitchen"\nempty = ""\n${vertexToml("gemini-2.5-flash", "attribution = true")}`;
    const sluice = await start(toml);
    await sluice.post("/v1/chat/completions", hello);
    assert.deepEqual(lastAsked(upstream)["labels"], { service: "kitchen" });
    const contents = [{ role: "user", parts: [{ text: "x" }] }];
    await sluice.post("/v1beta/models/m:generateContent", {
      contents,
      labels: { own: "1", service: "theirs" },
    });
    assert.deepEqual(lastAsked(upstream)["labels"], { own: "1", service: "kitchen" });
    await sluice.close();
  });
});
