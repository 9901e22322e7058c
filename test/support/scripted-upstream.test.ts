import assert from "node:assert/strict";
import http from "node:http";
import https from "node:https";
import { test } from "node:test";
import { answer } from "./answers.ts";
import { anthropicMessages } from "./anthropic-answers.ts";
import { cohereChat } from "./cohere-answers.ts";
import { gemini } from "./gemini-answers.ts";
import { openaiChat, openaiError } from "./openai-answers.ts";
import { startUpstream } from "./scripted-upstream.ts";
import { createAuthority, createCertificate } from "./tls.ts";

interface Got {
  readonly status: number;
  readonly body: string;
}

function ask(url: string, body: string, options: https.RequestOptions = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const agent = url.startsWith("https") ? https : http;
    const request = agent.request(url, { method: "POST", agent: false, ...options }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

test("the scripted upstream answers as each provider does, streamed or whole", async () => {
  const upstream = await startUpstream(openaiChat({ text: "one two three" }));
  try {
    const whole = await ask(`${upstream.url}/v1/chat/completions`, JSON.stringify({ model: "m" }));
    assert.equal(JSON.parse(whole.body).choices[0].message.content, "one two three");
    const streamed = await ask(
      `${upstream.url}/v1/chat/completions`,
      JSON.stringify({ model: "m", stream: true }),
    );
    const text = [...streamed.body.matchAll(/"delta":\{"content":"([^"]*)"\}/g)]
      .map((match) => match[1])
      .join("");
    assert.equal(text, "one two three");
    assert.ok(streamed.body.endsWith("data: [DONE]\n\n"));

    upstream.play(anthropicMessages({ text: "hi you", tools: [{ name: "f", arguments: '{"a":1}' }] }));
    const anthropic = await ask(`${upstream.url}/v1/messages`, JSON.stringify({ stream: true }));
    assert.match(
      anthropic.body,
      /event: message_start[\s\S]*text_delta[\s\S]*input_json_delta[\s\S]*message_stop/,
    );

    upstream.play(gemini({ text: "hi you" }));
    const google = await ask(`${upstream.url}/v1beta/models/g:streamGenerateContent?alt=sse`, "{}");
    assert.equal(google.body.split("data: ").length - 1, 2);

    upstream.play(cohereChat({ text: "hi you" }));
    const cohere = await ask(`${upstream.url}/v2/chat`, JSON.stringify({ stream: true }));
    assert.match(cohere.body, /message-start[\s\S]*content-delta[\s\S]*message-end/);

    upstream.play(openaiError(429, { headers: { "retry-after": "1" } }));
    assert.equal((await ask(upstream.url, "{}")).status, 429);
    assert.equal(upstream.requests.length, 6);
    const first = upstream.requests[0];
    assert.equal(first?.method, "POST");
    assert.equal(first?.path, "/v1/chat/completions");
    assert.deepEqual(first?.json(), { model: "m" });
    assert.ok((first?.completeAt ?? 0) >= (first?.headAt ?? 0));
  } finally {
    await upstream.close();
  }
});

test("the scripted upstream resets, cuts and half-closes when told to, and notes who went first", async () => {
  const upstream = await startUpstream([
    answer({ pieces: ["a", "b"], breakAfter: 1, how: "rst" }),
    answer({ body: "short", contentLength: 10, breakAfter: 1, how: "close" }),
    { on: "head", steps: ["rst"] },
    answer({ body: "fine" }),
  ]);
  try {
    await assert.rejects(ask(upstream.url, ""), /ECONNRESET|aborted/);
    await assert.rejects(ask(upstream.url, ""), /ECONNRESET|aborted/);
    upstream.play({ on: "head", steps: ["rst"] });
    await assert.rejects(ask(upstream.url, "x"));
    upstream.play(answer({ body: "fine" }));
    assert.equal((await ask(upstream.url, "")).body, "fine");
    await upstream.drained();
    assert.equal(upstream.open, 0);
    assert.equal(upstream.requests.at(-1)?.aborted, false);
  } finally {
    await upstream.close();
  }
});

test("the scripted upstream speaks TLS with a certificate made for the test", async () => {
  const authority = createAuthority();
  const upstream = await startUpstream(answer({ body: "secret" }), { tls: createCertificate(authority) });
  try {
    assert.equal((await ask(upstream.url, "", { ca: authority.cert })).body, "secret");
    await assert.rejects(ask(upstream.url, ""), /certificate|issuer/);
    const late = createCertificate(authority, { notAfter: Date.now() - 1000 });
    const expired = await startUpstream(answer(), { tls: late });
    await assert.rejects(ask(expired.url, "", { ca: authority.cert }), /expired/);
    await expired.close();
  } finally {
    await upstream.close();
  }
});
