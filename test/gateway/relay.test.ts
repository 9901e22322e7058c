/** Requests relayed to upstreams of the caller's own protocol, over real sockets. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiChat, openaiError } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const hello = { model: "m", messages: [{ role: "user", content: "hi" }] };

describe("a chat relayed to an OpenAI upstream", async () => {
  const upstream = await startUpstream(openaiChat({ text: "hello there" }));
  const sluice = await startGateway(failoverConfig([upstream.url]));
  after(async () => {
    await sluice.close();
    await upstream.close();
  });

  test("comes back whole, with the route in its headers", async () => {
    upstream.forget();
    const answer = await sluice.post("/v1/chat/completions", hello);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json().choices[0].message.content, "hello there");
    assert.equal(answer.headers.get("x-sluice-provider"), "a");
    assert.equal(answer.headers.get("x-sluice-model"), "model-a");
    assert.equal(answer.headers.get("x-sluice-attempts"), "1");
    const request = upstream.requests.at(-1);
    assert.equal(request?.path, "/v1/chat/completions");
    assert.equal(request?.header("authorization"), "Bearer k-a-secret");
  });

  test("keeps every byte of the body but the model's name", async () => {
    const body =
      '{ "messages" : [{"role":"user","content":"é\\u00e9 12345678901234567890"}],\n  "x" : 1.0, "model":"m" , "temperature": 1e0 }';
    await sluice.post("/v1/chat/completions", body);
    assert.equal(upstream.requests.at(-1)?.body.toString(), body.replace('"m"', '"model-a"'));
  });

  test("streams, and hides the usage chunk that the caller did not ask for", async () => {
    const answer = await sluice.post("/v1/chat/completions", { ...hello, stream: true });
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type") ?? "", /text\/event-stream/);
    assert.match(answer.text, /data: \[DONE\]\n\n$/);
    assert.doesNotMatch(answer.text, /"choices":\[\]/);
    assert.match(upstream.requests.at(-1)?.body.toString() ?? "", /"include_usage":true/);
    const shown = await sluice.post("/v1/chat/completions", {
      ...hello,
      stream: true,
      stream_options: { include_usage: true },
    });
    assert.match(shown.text, /"choices":\[\]/);
  });

  test("a model nobody knows is a 404 that lists what may be used", async () => {
    const answer = await sluice.post("/v1/chat/completions", { ...hello, model: "nope" });
    assert.equal(answer.status, 404);
    assert.equal(answer.json().error.code, "model_not_found");
    assert.match(answer.json().error.message, /you may use: m/);
  });

  test("a member spelled twice is a 400", async () => {
    const answer = await sluice.post("/v1/chat/completions", '{"model":"m","model":"x","messages":[]}');
    assert.equal(answer.status, 400);
    assert.equal(answer.json().error.code, "ambiguous_member");
  });
});

describe("a failing first target", async () => {
  const first = await startUpstream(openaiError(500));
  const second = await startUpstream(openaiChat({ text: "from b" }));
  const sluice = await startGateway(
    failoverConfig([first.url, second.url], '[retry]\nbackoff_base = "1ms"\n'),
  );
  after(async () => {
    await sluice.close();
    await first.close();
    await second.close();
  });

  test("is asked once more and then left for the next, whole and streamed", async () => {
    for (const stream of [false, true]) {
      const answer = await sluice.post("/v1/chat/completions", { ...hello, stream });
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.text, /from/);
      assert.equal(answer.headers.get("x-sluice-provider"), "b");
    }
  });
});
