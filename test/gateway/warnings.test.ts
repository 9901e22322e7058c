/** `x-sluice-warning` tells what was lost towards the target that answered, and a strict alias refuses requests, never answers. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { eventStream, jsonAnswer, sse } from "../support/answers.ts";
import { startGateway } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { aliasToml, providerToml } from "../support/providers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const HOSTED = { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} };
const FOUND = { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] };
const MESSAGE = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-sonnet-4-5",
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 1 },
};

/** An answer with an item no other vendor has a form for, then text. */
function withHosted(stream: boolean) {
  if (!stream)
    return jsonAnswer({
      ...MESSAGE,
      content: [HOSTED, FOUND, { type: "text", text: "found it" }],
      stop_reason: "end_turn",
    });
  const events: string[] = [];
  const add = (event: { readonly type: string }) => events.push(sse(event, event.type));
  const start = (index: number, content_block: object) => ({
    type: "content_block_start",
    index,
    content_block,
  });
  add({ type: "message_start", message: { ...MESSAGE, content: [], stop_reason: null } } as { type: string });
  add(start(0, HOSTED));
  add({ type: "content_block_stop", index: 0 } as { type: string });
  add(start(1, FOUND));
  add({ type: "content_block_stop", index: 1 } as { type: string });
  add(start(2, { type: "text", text: "" }));
  const delta = { type: "text_delta", text: "found it" };
  add({ type: "content_block_delta", index: 2, delta } as { type: string });
  add({ type: "content_block_stop", index: 2 } as { type: string });
  const last = { stop_reason: "end_turn", stop_sequence: null };
  add({ type: "message_delta", delta: last, usage: { output_tokens: 3 } } as { type: string });
  add({ type: "message_stop" });
  return eventStream(events);
}

describe("what is lost on the way", async () => {
  const claude = await startUpstream(jsonAnswer({ type: "error", error: {} }, { status: 500 }));
  const chat = await startUpstream(openaiChat({ text: "hi" }));
  const sluice = await startGateway(
    [
      providerToml("claude", "anthropic", claude.url),
      providerToml("chat", "openai", chat.url, 'dialect = "openai"'),
      aliasToml(
        "m",
        [
          ["claude", "claude-sonnet-4-5"],
          ["chat", "gpt-4.1"],
        ],
        "[model.m.retry]\nper_target = 1",
      ),
      aliasToml("claude-first", [["claude", "claude-sonnet-4-5"]]),
      aliasToml("strict", [["claude", "claude-sonnet-4-5"]], "strict = true"),
    ].join(""),
  );
  after(async () => {
    await sluice.close();
    await claude.close();
    await chat.close();
  });
  const body = { messages: [{ role: "user", content: "hi" }], seed: 7, presence_penalty: 1 };

  test("is told of the target that answered, not of those that failed before it", async () => {
    claude.play(jsonAnswer({ type: "error", error: { type: "api_error", message: "no" } }, { status: 500 }));
    const answer = await sluice.post("/v1/chat/completions", { ...body, model: "m" });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers.get("x-sluice-provider"), "chat");
    assert.equal(answer.headers.get("x-sluice-warning"), null, "OpenAI takes all of it");
    claude.play(withHosted.bind(null, false));
    const lossy = await sluice.post("/v1/chat/completions", { ...body, model: "claude-first" });
    assert.equal(lossy.headers.get("x-sluice-provider"), "claude");
    const warnings = (lossy.headers.get("x-sluice-warning") ?? "").split(", ");
    assert.deepEqual(warnings.slice(0, 2), [
      "code=unsupported_sampling;field=seed",
      "code=unsupported_sampling;field=presence_penalty",
    ]);
    assert.equal(new Set(warnings).size, warnings.length, "each once, though the target was asked twice");
  });

  for (const stream of [false, true]) {
    test(`inside an answer is no reason to refuse it, under a strict alias neither (${stream ? "stream" : "whole"})`, async () => {
      claude.play(withHosted(stream));
      const answer = await sluice.post("/v1/chat/completions", {
        model: "strict",
        messages: body.messages,
        stream,
      });
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.text, /found it/);
      if (stream) assert.match(answer.text, /data: \[DONE\]\n\n$/);
      const refused = await sluice.post("/v1/chat/completions", { ...body, model: "strict", stream });
      assert.equal(refused.status, 400);
    });
  }
});
