/** Ids that only their issuer knows: stored responses, requests that go on from one, compaction. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { eventStream, jsonAnswer, answer as play, sse } from "../support/answers.ts";
import { startGateway } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { aliasToml, lastAsked, providerToml } from "../support/providers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const message = (text: string) => ({
  type: "message",
  id: "msg_1",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [], logprobs: [] }],
});

function response(id: string, more: object = {}) {
  return {
    id,
    object: "response",
    created_at: 1,
    status: "completed",
    model: "gpt-4o",
    output: [message("hello")],
    error: null,
    usage: { input_tokens: 3, output_tokens: 1, total_tokens: 4 },
    ...more,
  };
}

function streamed(id: string): string[] {
  const event = (type: string, sequence: number, more: object) =>
    sse({ type, sequence_number: sequence, ...more }, type);
  const item = { output_index: 0, item_id: "msg_1", content_index: 0 };
  return [
    event("response.created", 0, { response: response(id, { status: "in_progress", output: [] }) }),
    event("response.output_item.added", 1, { output_index: 0, item: { ...message(""), content: [] } }),
    event("response.content_part.added", 2, {
      ...item,
      part: { type: "output_text", text: "", annotations: [] },
    }),
    event("response.output_text.delta", 3, { ...item, delta: "hello", logprobs: [] }),
    event("response.output_text.done", 4, { ...item, text: "hello", logprobs: [] }),
    event("response.output_item.done", 5, { output_index: 0, item: message("hello") }),
    event("response.completed", 6, { response: response(id) }),
  ];
}

describe("ids of the Responses API", async () => {
  const first = await startUpstream(jsonAnswer(response("resp_first")));
  const second = await startUpstream(jsonAnswer(response("resp_second")));
  const chat = await startUpstream(openaiChat({ text: "hi" }));
  const sluice = await startGateway(
    providerToml("one", "responses", first.url) +
      providerToml("two", "responses", second.url) +
      providerToml("plain", "openai", chat.url) +
      aliasToml(
        "m",
        [
          ["one", "gpt-4o"],
          ["two", "gpt-4o"],
        ],
        'sticky = "off"',
      ) +
      aliasToml("only-two", [["two", "gpt-4o"]]) +
      aliasToml("mixed", [
        ["plain", "llama"],
        ["two", "gpt-4o"],
      ]) +
      aliasToml("foreign", [["plain", "llama"]]) +
      '[auth]\nanonymous = "loopback"\n[[auth.keys]]\nid = "k"\nkey = "key-of-one-0123456789"\nproviders = ["one"]\n',
  );
  after(async () => {
    await sluice.close();
    for (const upstream of [first, second, chat]) await upstream.close();
  });
  const ask = (model: string, more: object = {}) =>
    sluice.post("/v1/responses", { model, input: "hi", ...more });
  const call = async (method: string, path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(sluice.url + path, { method, headers });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };

  test("100. of a response nobody gave lately is a 404 at once, in OpenAI's shape", async () => {
    for (const [method, path] of [
      ["GET", "/v1/responses/resp_x"],
      ["DELETE", "/v1/responses/resp_x"],
      ["POST", "/v1/responses/resp_x/cancel"],
      ["GET", "/v1/responses/resp_x/input_items"],
    ] as const) {
      const answer = await call(method, path);
      assert.equal(answer.status, 404);
      assert.equal(JSON.parse(answer.text).error.code, "not_found");
    }
    assert.equal(first.requests.length + second.requests.length, 0);
  });

  test("are relayed to the provider that issued them, whatever is asked of them", async () => {
    assert.equal((await ask("only-two")).status, 200);
    second.play(
      jsonAnswer(
        response("resp_second", { status: "failed", error: { code: "server_error", message: "x" } }),
      ),
    );
    const got = await call("GET", "/v1/responses/resp_second?include=a&key=caller-key&b=1");
    assert.equal(got.status, 200, got.text);
    assert.equal(JSON.parse(got.text).status, "failed");
    assert.equal(second.requests.at(-1)?.path, "/v1/responses/resp_second?include=a&b=1");
    assert.equal(second.requests.at(-1)?.method, "GET");
    assert.equal(second.requests.at(-1)?.header("authorization"), "Bearer two-secret");
    await call("POST", "/v1/responses/resp_second/cancel");
    assert.equal(second.requests.at(-1)?.path, "/v1/responses/resp_second/cancel");
    await call("GET", "/v1/responses/resp_second/input_items?limit=2");
    assert.equal(second.requests.at(-1)?.path, "/v1/responses/resp_second/input_items?limit=2");
    const forbidden = await call("GET", "/v1/responses/resp_second", {
      authorization: "Bearer key-of-one-0123456789",
    });
    assert.equal(forbidden.status, 404, "another caller never learns of it");
    second.play(jsonAnswer({ id: "resp_second", object: "response", deleted: true }));
    assert.equal((await call("DELETE", "/v1/responses/resp_second")).status, 200);
    assert.equal((await call("GET", "/v1/responses/resp_second")).status, 404);
  });

  test("the provider's own 404 about one is relayed", async () => {
    second.play(jsonAnswer(response("resp_gone")));
    await ask("only-two");
    second.play(
      jsonAnswer(
        { error: { message: "no such response", type: "invalid_request_error", param: null, code: null } },
        { status: 404 },
      ),
    );
    const answer = await call("GET", "/v1/responses/resp_gone");
    assert.equal(answer.status, 404);
    assert.match(answer.text, /no such response/);
    second.play(jsonAnswer(response("resp_second")));
    assert.equal((await ask("only-two")).status, 200, "the target is not blamed");
  });

  test("of streamed answers are known too", async () => {
    second.play(eventStream(streamed("resp_streamed")));
    const answer = await ask("only-two", { stream: true });
    assert.match(answer.text, /response\.completed/);
    second.play(jsonAnswer(response("resp_streamed")));
    assert.equal((await call("GET", "/v1/responses/resp_streamed")).status, 200);
  });

  test("in previous_response_id pin the request to their issuer", async () => {
    second.play(jsonAnswer(response("resp_pinned")));
    await ask("only-two");
    first.forget();
    const answer = await ask("m", { previous_response_id: "resp_pinned" });
    assert.equal(answer.headers.get("x-sluice-provider"), "two");
    assert.equal(lastAsked(second)["previous_response_id"], "resp_pinned");
    second.play(play({ status: 500, body: "{}" }));
    const failed = await ask("m", { previous_response_id: "resp_pinned" });
    assert.ok(failed.status >= 500, "nobody else is asked for it");
    assert.equal(first.requests.length, 0);
    sluice.gateway.reset("two");
  });

  test("that are unknown go to the first target that speaks Responses", async () => {
    second.play(jsonAnswer(response("resp_n")));
    const answer = await ask("mixed", { previous_response_id: "resp_never_seen" });
    assert.equal(answer.headers.get("x-sluice-provider"), "two");
    assert.equal(chat.requests.length, 0);
  });

  test("21. without such a target are a 400 that names the member; store is taken and answered false", async () => {
    for (const member of ["previous_response_id", "conversation"]) {
      const answer = await ask("foreign", { [member]: "resp_1" });
      assert.equal(answer.status, 400, answer.text);
      assert.equal(answer.json().error.param, member);
    }
    const stored = await ask("foreign", { store: true });
    assert.equal(stored.status, 200, stored.text);
    assert.equal(stored.json().store, false);
  });

  test("compaction goes to a native target, and is a 404 at once without one", async () => {
    second.play(jsonAnswer({ id: "resp_compact", object: "response.compaction", output: [] }));
    const answer = await sluice.post("/v1/responses/compact", { model: "mixed", input: "x" });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(second.requests.at(-1)?.path, "/v1/responses/compact");
    assert.equal(lastAsked(second)["model"], "gpt-4o");
    const foreign = await sluice.post("/v1/responses/compact", { model: "foreign", input: "x" });
    assert.equal(foreign.status, 404);
    assert.equal(foreign.json().error.code, "not_found");
  });
});
