/** Ollama's own API: relayed to an Ollama server line for line, converted for everybody else. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { jsonAnswer, answer as play } from "../support/answers.ts";
import { startGateway } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { aliasToml, lastAsked, providerToml } from "../support/providers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const line = (value: object) => `${JSON.stringify(value)}\n`;
const LINES = [
  line({
    model: "llama3",
    created_at: "2026-01-01T00:00:00Z",
    message: { role: "assistant", content: "hel" },
    done: false,
  }),
  line({
    model: "llama3",
    created_at: "2026-01-01T00:00:00Z",
    message: { role: "assistant", content: "lo" },
    done: false,
  }),
  line({
    model: "llama3",
    created_at: "2026-01-01T00:00:00Z",
    message: { role: "assistant", content: "" },
    done: true,
    done_reason: "stop",
    prompt_eval_count: 3,
    eval_count: 2,
  }),
];
const ndjson = (lines: readonly string[]) =>
  play({ headers: { "content-type": "application/x-ndjson" }, pieces: lines });
const messages = [{ role: "user", content: "hi" }];

describe("Ollama's API", async () => {
  const native = await startUpstream(ndjson(LINES));
  const foreign = await startUpstream(openaiChat({ text: "hello there" }));
  const sluice = await startGateway(
    `[provider.home]\nollama = { url = "${native.url}" }\n` +
      providerToml("op", "openai", foreign.url) +
      aliasToml("llama", [["home", "llama3"]]) +
      aliasToml("fast", [["op", "gpt-4o-mini"]]),
  );
  after(async () => {
    await sluice.close();
    await native.close();
    await foreign.close();
  });

  test("streams by default, and an Ollama server's lines pass", async () => {
    const answer = await sluice.post("/api/chat", {
      model: "llama:latest",
      messages,
      options: { num_ctx: 8192 },
      keep_alive: "5m",
    });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers.get("content-type"), "application/x-ndjson");
    assert.equal(answer.text, LINES.join(""));
    assert.equal(native.requests.at(-1)?.path, "/api/chat");
    assert.deepEqual(lastAsked(native), {
      model: "llama3",
      messages,
      options: { num_ctx: 8192 },
      keep_alive: "5m",
    });
  });

  test("generate is asked at generate", async () => {
    const whole = { model: "llama3", created_at: "x", response: "yes", done: true, done_reason: "stop" };
    native.play(jsonAnswer(whole));
    const answer = await sluice.post("/api/generate", {
      model: "llama",
      prompt: "p",
      raw: true,
      stream: false,
    });
    assert.deepEqual(answer.json(), whole);
    assert.equal(native.requests.at(-1)?.path, "/api/generate");
    assert.deepEqual(lastAsked(native), { model: "llama3", prompt: "p", raw: true, stream: false });
  });

  test("other callers reach the same server under /v1", async () => {
    native.play(openaiChat({ text: "hi" }));
    const answer = await sluice.post("/v1/chat/completions", { model: "llama", messages });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(native.requests.at(-1)?.path, "/v1/chat/completions");
  });

  test("over an OpenAI upstream: lines, whole answers, generate", async () => {
    const streamed = await sluice.post("/api/chat", { model: "fast:latest", messages });
    assert.equal(streamed.status, 200, streamed.text);
    const lines = streamed.text
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text));
    assert.equal(lines.map((entry) => entry.message.content).join(""), "hello there");
    assert.equal(lines.at(-1).done_reason, "stop");
    assert.equal(lastAsked(foreign)["stream"], true);
    const whole = await sluice.post("/api/chat", { model: "fast", messages, stream: false });
    assert.equal(whole.json().message.content, "hello there");
    assert.equal(whole.json().done, true);
    const generated = await sluice.post("/api/generate", { model: "fast", prompt: "hi", stream: false });
    assert.equal(generated.json().response, "hello there");
    assert.deepEqual(lastAsked(foreign)["messages"], messages);
  });

  test("an empty prompt loads the model: answered at once, but passed on to a server that can load", async () => {
    foreign.forget();
    const answer = await sluice.post("/api/generate", { model: "fast", keep_alive: "5m" });
    assert.equal(answer.json().done_reason, "load");
    assert.equal(answer.json().response, "");
    assert.equal(
      (await sluice.post("/api/chat", { model: "fast", messages: [] })).json().done_reason,
      "load",
    );
    assert.equal(foreign.requests.length, 0);
    native.play(
      jsonAnswer({ model: "llama3", created_at: "x", response: "", done: true, done_reason: "load" }),
    );
    const passed = await sluice.post("/api/generate", { model: "llama", stream: false, keep_alive: 0 });
    assert.equal(passed.json().done_reason, "load");
    assert.equal(lastAsked(native)["keep_alive"], 0);
  });

  test("embeddings of an Ollama server keep their endpoint", async () => {
    native.play(jsonAnswer({ model: "llama3", embeddings: [[1, 2]] }));
    assert.deepEqual((await sluice.post("/api/embed", { model: "llama", input: "a" })).json().embeddings, [
      [1, 2],
    ]);
    assert.equal(native.requests.at(-1)?.path, "/api/embed");
    native.play(jsonAnswer({ embedding: [3] }));
    assert.deepEqual((await sluice.post("/api/embeddings", { model: "llama", prompt: "a" })).json(), {
      embedding: [3],
    });
    assert.equal(native.requests.at(-1)?.path, "/api/embeddings");
  });

  test("says what is wrong in its own words", async () => {
    const unknown = await sluice.post("/api/chat", { model: "nope", messages });
    assert.equal(unknown.status, 404);
    assert.match(unknown.json().error, /nope/);
    native.play(ndjson(LINES.slice(0, 1)));
    const cut = await sluice.post("/api/chat", { model: "llama", messages });
    const last = JSON.parse(cut.text.trimEnd().split("\n").at(-1) ?? "");
    assert.equal(typeof last.error, "string");
    assert.doesNotMatch(cut.text, /"done":true/);
  });
});
