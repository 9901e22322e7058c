/** Headers of routed answers and of what is sent upstream (20-http.md, Headers). */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiChat, openaiError } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const body = { model: "m", messages: [{ role: "user", content: "hi" }] };
const limits = {
  "x-ratelimit-remaining-requests": "9",
  "x-request-id": "up-1",
  "openai-version": "2020-10-01",
};

describe("headers", async () => {
  const first = await startUpstream(
    openaiChat({
      text: "a",
      headers: { ...limits, "set-cookie": "a=b", "alt-svc": "h3", "keep-alive": "timeout=5" },
    }),
  );
  const second = await startUpstream(openaiChat({ text: "b", headers: limits }));
  const sluice = await startGateway(
    failoverConfig([first.url, second.url], '[retry]\nbackoff_base = "1ms"\nper_target = 1\n'),
  );
  after(async () => {
    await sluice.close();
    await first.close();
    await second.close();
  });

  test("say who answered, after how many attempts, in what time", async () => {
    const { headers } = await sluice.post("/v1/chat/completions", body);
    assert.equal(headers.get("x-sluice-provider"), "a");
    assert.equal(headers.get("x-sluice-model"), "model-a");
    assert.equal(headers.get("x-session-affinity"), "a/model-a");
    assert.equal(headers.get("x-sluice-upstream-request-id"), "up-1");
    assert.match(headers.get("x-sluice-route") ?? "", /failover/);
    assert.match(
      headers.get("server-timing") ?? "",
      /^queue;dur=[\d.]+, policy;dur=[\d.]+, upstream;dur=[\d.]+, total;dur=[\d.]+$/,
    );
    assert.equal(headers.get("openai-version"), "2020-10-01");
    for (const name of ["set-cookie", "alt-svc"]) assert.equal(headers.get(name), null);
  });

  test("hold the upstream's rate limits only when exactly one attempt was made", async () => {
    const once = await sluice.post("/v1/chat/completions", body);
    assert.equal(once.headers.get("x-ratelimit-remaining-requests"), "9");
    first.play(openaiError(500));
    const twice = await sluice.post("/v1/chat/completions", body);
    assert.equal(twice.headers.get("x-sluice-provider"), "b");
    assert.equal(twice.headers.get("x-sluice-attempts"), "2");
    assert.equal(twice.headers.get("x-ratelimit-remaining-requests"), null);
  });

  test("of the caller go on by the list: never a credential, a cookie or a proxy's trace", async () => {
    second.forget();
    first.play(openaiError(500));
    await sluice.post("/v1/chat/completions", body, {
      authorization: "Bearer callers-own",
      "x-api-key": "callers-own",
      cookie: "a=b",
      "x-sluice-user": "me",
      "x-forwarded-for": "10.0.0.1",
      "openai-organization": "org",
      "anthropic-beta": "no",
      "x-stainless-lang": "js",
      "idempotency-key": "idem",
      traceparent: "00-1-2-01",
      "x-other": "no",
    });
    const request = second.requests.at(-1);
    assert.equal(request?.header("authorization"), "Bearer k-b-secret");
    for (const name of ["openai-organization", "x-stainless-lang", "idempotency-key", "traceparent"])
      assert.notEqual(request?.header(name), "", name);
    for (const name of [
      "x-api-key",
      "cookie",
      "x-sluice-user",
      "x-forwarded-for",
      "anthropic-beta",
      "x-other",
    ])
      assert.equal(request?.header(name), "", name);
    assert.match(request?.header("user-agent") ?? "", /^sluice\//);
    assert.equal(request?.header("accept-encoding"), "identity");
    assert.doesNotMatch(JSON.stringify(request?.headers), /callers-own/);
  });

  test("content-type is JSON's where curl -d called it a form", async () => {
    const type = () => second.requests.at(-1)?.header("content-type");
    for (const sent of ["application/x-www-form-urlencoded", "text/plain;charset=UTF-8"]) {
      await sluice.post("/v1/chat/completions", body, { "content-type": sent });
      assert.equal(type(), "application/json");
    }
    await sluice.post("/v1/chat/completions", body, { "content-type": "application/json; charset=utf-8" });
    assert.equal(type(), "application/json; charset=utf-8");
  });

  test("x-session-affinity pins to a target of the alias, and what it does not know is ignored", async () => {
    first.play(openaiChat({ text: "a" }));
    sluice.gateway.reset("a");
    const pinned = await sluice.post("/v1/chat/completions", body, { "x-session-affinity": "b/model-b" });
    assert.equal(pinned.headers.get("x-sluice-provider"), "b");
    const unknown = await sluice.post("/v1/chat/completions", body, { "x-session-affinity": "x/y" });
    assert.equal(unknown.headers.get("x-sluice-provider"), "a");
  });
});
