/** The tricky cases of 40-protocols.md 7.2 that only the whole gateway can show, by their numbers. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { eventStream, jsonAnswer, sse } from "../support/answers.ts";
import { anthropicMessages } from "../support/anthropic-answers.ts";
import { startGateway } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { aliasToml, lastAsked, providerToml } from "../support/providers.ts";
import { type Script, type ScriptedUpstream, startUpstream } from "../support/scripted-upstream.ts";

const SAY = { messages: [{ role: "user", content: "hi" }] };
const KEY = "caller-key-0123456789";
const once = "retry.per_target = 1";

describe("tricky cases", async () => {
  const idle = jsonAnswer({});
  const upstreams = {
    claude: await startUpstream(idle),
    chat: await startUpstream(idle),
    gemini: await startUpstream(idle),
    groq: await startUpstream(idle),
  };
  const { claude, chat, gemini, groq } = upstreams;
  const toml = [
    providerToml("claude", "anthropic", claude.url),
    providerToml("chat", "openai", chat.url, 'dialect = "openai"'),
    providerToml("gemini", "gemini", gemini.url),
    providerToml("groq", "openai", groq.url),
    aliasToml("claude", [["claude", "claude-sonnet-4-5"]], once),
    aliasToml("chat", [["chat", "gpt-4.1"]], once),
    aliasToml("gemini", [["gemini", "gemini-2.5-flash"]], once),
    aliasToml("groq", [["groq", "llama"]], once),
  ].join("");
  const sluice = await startGateway(toml);
  after(async () => {
    await sluice.close();
    for (const upstream of Object.values(upstreams)) await upstream.close();
  });
  const play = (upstream: ScriptedUpstream, script: Script) => {
    upstream.forget();
    upstream.play(script);
    // A failure of an earlier case is none of this one's.
    for (const name of Object.keys(upstreams)) sluice.gateway.reset(name);
  };
  const chatOf = (model: string, extra: object = {}) =>
    sluice.post("/v1/chat/completions", { model, ...SAY, ...extra });
  const claudeOf = (model: string, extra: object = {}) =>
    sluice.post("/v1/messages", { model, max_tokens: 50, ...SAY, ...extra });
  const geminiOf = (model: string, verb = "generateContent") =>
    sluice.post(`/v1beta/models/${model}:${verb}`, { contents: [{ parts: [{ text: "hi" }] }] });

  test("63. comments and pings of an upstream make no events, and a Gemini caller still parses its stream", async () => {
    const chunk = (content: string, finish: string | null = null) =>
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;
    const events = [": keepalive\n\n", chunk("a"), ": keepalive\n\n", chunk("b", "stop"), "data: [DONE]\n\n"];
    play(chat, eventStream(events));
    const answer = await claudeOf("chat", { stream: true });
    assert.deepEqual(answer.text.match(/^event: .*$/gm), [
      "event: message_start",
      "event: content_block_start",
      "event: content_block_delta",
      "event: content_block_delta",
      "event: content_block_stop",
      "event: message_delta",
      "event: message_stop",
    ]);
    play(claude, anthropicMessages({ text: "two words" }));
    const parsed = await geminiOf("claude", "streamGenerateContent?alt=sse");
    for (const block of parsed.text.trimEnd().split("\n\n")) {
      assert.match(block, /^data: \{/, "no event name, no comment glued to data");
      JSON.parse(block.slice(6));
    }
  });

  test("67. events, deltas and blocks of Anthropic that nobody knows pass as they are, and mean nothing elsewhere", async () => {
    const message = { id: "msg_1", type: "message", role: "assistant", model: "claude", content: [] };
    const usage = { input_tokens: 3, output_tokens: 1 };
    const events = (
      [
        { type: "message_start", message: { ...message, stop_reason: null, stop_sequence: null, usage } },
        { type: "vibe_check", mood: { deep: [1] } },
        { type: "content_block_start", index: 0, content_block: { type: "hologram", data: "x" } },
        { type: "content_block_delta", index: 0, delta: { type: "hologram_delta", data: "y" } },
        { type: "content_block_stop", index: 0 },
        { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "plain" } },
        { type: "content_block_delta", index: 1, delta: { type: "sparkle_delta", text: "no" } },
        { type: "content_block_stop", index: 1 },
        { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage },
        { type: "message_stop" },
      ] as const
    ).map((event) => sse(event, event.type));
    play(claude, eventStream(events));
    assert.equal((await claudeOf("claude", { stream: true })).text, events.join(""));
    const other = await chatOf("claude", { stream: true });
    const deltas = [...other.text.matchAll(/"content":"([^"]*)"/g)].map(([, text]) => text).join("");
    assert.equal(deltas, "plain");
    assert.match(other.text, /"finish_reason":"stop"/);
    assert.doesNotMatch(other.text, /hologram|sparkle|vibe/);
  });

  test("70. waits and refusals of an upstream are told in the words each caller's SDK acts on", async () => {
    const wait = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "7s" };
    const limited = { code: 429, message: "slow down", status: "RESOURCE_EXHAUSTED", details: [wait] };
    for (const ask of [chatOf, claudeOf]) {
      play(gemini, jsonAnswer({ error: limited }, { status: 429 }));
      const answer = await ask("gemini");
      assert.equal(answer.status, 429);
      assert.equal(answer.headers.get("retry-after"), "7");
      assert.ok(Number(answer.headers.get("retry-after-ms")) > 6000);
    }
    const full = jsonAnswer(
      { type: "error", error: { type: "overloaded_error", message: "full" } },
      { status: 529 },
    );
    play(claude, full);
    assert.equal((await geminiOf("claude")).status, 503);
    play(claude, full);
    const own = await claudeOf("claude");
    assert.deepEqual([own.status, own.json().error.type], [529, "overloaded_error"]);
    const broke = {
      message: "no money",
      type: "insufficient_quota",
      param: null,
      code: "insufficient_quota",
    };
    play(chat, jsonAnswer({ error: broke }, { status: 429 }));
    const refused = await chatOf("chat");
    assert.deepEqual([refused.status, refused.json().error.code], [429, "insufficient_quota"]);
    assert.equal(refused.headers.get("x-should-retry"), "false");
  });

  test("72. a refused key of ours is a 502 without the key; a wrong key of the caller's is a 401 in its protocol", async () => {
    const error = { message: "Incorrect API key provided: chat-secret", type: "invalid_request_error" };
    play(chat, jsonAnswer({ error: { ...error, code: "invalid_api_key" } }, { status: 401 }));
    const answer = await chatOf("chat");
    assert.equal(answer.status, 502);
    assert.doesNotMatch(answer.text, /chat-secret/);
    assert.equal(answer.headers.get("x-should-retry"), "false");

    const locked = await startGateway(
      `${toml}[auth]\nanonymous = "none"\n[[auth.keys]]\nid = "k"\nkey = "${KEY}"\n`,
    );
    play(claude, anthropicMessages({ text: "hello" }));
    const body = { model: "claude", max_tokens: 5, ...SAY };
    for (const headers of [{ "x-api-key": KEY }, { authorization: `Bearer ${KEY}` }] as const)
      assert.equal((await locked.post("/v1/messages", body, { ...headers })).status, 200);
    for (const headers of [{ "x-api-key": "wrong" }, { authorization: "Bearer wrong" }] as const) {
      const wrong = await locked.post("/v1/messages", body, { ...headers });
      assert.deepEqual([wrong.status, wrong.json().error.type], [401, "authentication_error"]);
    }
    const wrong = await locked.post("/v1/chat/completions", body, { authorization: "Bearer wrong" });
    assert.deepEqual([wrong.status, wrong.json().error.code], [401, "invalid_api_key"]);
    await locked.close();
  });

  test("74. what Claude Code asks at its start is answered, with the id where its SDK looks for it", async () => {
    play(claude, anthropicMessages({ text: "hello" }));
    const answer = await sluice.post("/v1/messages?beta=true", { model: "claude", max_tokens: 5, ...SAY });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("request-id"), answer.headers.get("x-request-id"));
    assert.match(answer.headers.get("request-id") ?? "", /^test-/);
    const list = await fetch(`${sluice.url}/v1/models?limit=1000`, {
      headers: { "anthropic-version": "2023-06-01" },
    });
    const { data } = (await list.json()) as { data: { id: string }[] };
    assert.ok(data.some(({ id }) => id === "claude"));
    const counted = await sluice.post("/v1/messages/count_tokens", { model: "groq", ...SAY });
    assert.deepEqual([counted.status, counted.headers.get("x-sluice-estimate")], [200, "1"]);
    const unknown = await claudeOf("nope");
    assert.deepEqual([unknown.status, unknown.json().request_id], [404, unknown.headers.get("request-id")]);
  });

  test("83. a 400 about a thinking signature is asked again without the thinking, once, and held against nobody", async () => {
    const thinking = { type: "thinking", thinking: "hm", signature: "EqQBCkgIBxABGAIi" };
    const messages = [
      { role: "user", content: "q" },
      { role: "assistant", content: [thinking, { type: "text", text: "a" }] },
      { role: "user", content: "go on" },
    ];
    const message = "messages.1.content.0: Invalid `signature` in `thinking` block";
    const no = jsonAnswer(
      { type: "error", error: { type: "invalid_request_error", message } },
      { status: 400 },
    );
    play(claude, (request, index) => (index === 0 ? no : anthropicMessages({ text: "fine" })(request)));
    const answer = await claudeOf("claude", { messages });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(claude.requests.length, 2);
    assert.doesNotMatch(JSON.stringify(lastAsked(claude)), /"thinking"/);
    assert.match(JSON.stringify(lastAsked(claude)), /"text":"a"/);
    const row = () =>
      sluice.gateway
        .status()
        .models.find(({ alias }) => alias === "claude")
        ?.targets.at(0);
    assert.deepEqual([row()?.circuit, row()?.errorRate], ["closed", 0]);

    play(claude, no);
    const refused = await claudeOf("claude", { messages });
    assert.deepEqual(
      [refused.status, refused.json().error.message],
      [400, message],
      "in the vendor's own words",
    );
    assert.equal(claude.requests.length, 2, "not asked a third time");
  });

  test("85. a member that an unknown server refuses is left out the second time, and from then on", async () => {
    const error = {
      message: "Unsupported parameter: 'store'",
      type: "invalid_request_error",
      param: "store",
    };
    play(groq, (request, index) =>
      index === 0
        ? jsonAnswer({ error: { ...error, code: null } }, { status: 400 })
        : openaiChat({ text: "ok" })(request),
    );
    const extra = { store: true, chat_template_kwargs: { enable_thinking: false } };
    assert.equal((await chatOf("groq", extra)).status, 200);
    assert.deepEqual(
      groq.requests.map((request) => "store" in (request.json() as object)),
      [true, false],
    );
    assert.equal((await chatOf("groq", extra)).status, 200);
    assert.equal(groq.requests.length, 3, "known by now");
    assert.equal("store" in lastAsked(groq), false);
  });
});
