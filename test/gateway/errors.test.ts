/** What goes wrong before anybody is asked, told to each caller in its own protocol. */
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { after, describe, test } from "node:test";
import { failoverConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";
import { CALLERS, type ClientCaller, type Loose } from "./support/callers.ts";

/** Class, status and shape of an error: 40-protocols.md 4.1 and 4.2. */
interface Told {
  readonly openai: readonly [status: number, code: string];
  readonly anthropic: readonly [status: number, type: string];
  readonly gemini: readonly [status: number, word: string];
  readonly cohere: number;
  readonly ollama: number;
}

const BAD = (code: string): Told => ({
  openai: [400, code],
  anthropic: [400, "invalid_request_error"],
  gemini: [400, "INVALID_ARGUMENT"],
  cohere: 400,
  ollama: 400,
});
const OVERLOADED = (code: string): Told => ({
  openai: [503, code],
  anthropic: [529, "overloaded_error"],
  gemini: [503, "UNAVAILABLE"],
  cohere: 503,
  ollama: 503,
});
const LIMITED = (code: string): Told => ({
  openai: [429, code],
  anthropic: [429, "rate_limit_error"],
  gemini: [429, "RESOURCE_EXHAUSTED"],
  cohere: 429,
  ollama: 429,
});
const UNKNOWN_MODEL: Told = {
  openai: [404, "model_not_found"],
  anthropic: [404, "not_found_error"],
  gemini: [404, "NOT_FOUND"],
  cohere: 404,
  ollama: 404,
};
const FORBIDDEN: Told = {
  openai: [403, "model_not_allowed"],
  anthropic: [403, "permission_error"],
  gemini: [403, "PERMISSION_DENIED"],
  cohere: 403,
  ollama: 403,
};
const TOO_LARGE: Told = {
  openai: [413, "request_too_large"],
  anthropic: [413, "request_too_large"],
  gemini: [400, "INVALID_ARGUMENT"],
  cohere: 400,
  ollama: 413,
};
const WRONG_KEY: Told = {
  openai: [401, "invalid_api_key"],
  anthropic: [401, "authentication_error"],
  gemini: [401, "UNAUTHENTICATED"],
  cohere: 401,
  ollama: 401,
};

interface Got {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

function assertTold(caller: ClientCaller, got: Got, told: Told, message: RegExp): void {
  const body: Loose = JSON.parse(got.text);
  switch (caller.name) {
    case "openai-chat":
    case "openai-responses":
      assert.deepEqual([got.status, body.error.code], told.openai, got.text);
      assert.deepEqual(Object.keys(body.error).sort(), ["code", "message", "param", "type"]);
      assert.match(body.error.message, message);
      break;
    case "anthropic":
      assert.deepEqual([got.status, body.error.type], told.anthropic, got.text);
      assert.equal(body.type, "error");
      assert.match(body.request_id, /./);
      assert.match(body.error.message, message);
      break;
    case "gemini":
      assert.deepEqual([got.status, body.error.status], told.gemini, got.text);
      assert.equal(body.error.code, got.status);
      assert.match(body.error.message, message);
      break;
    case "cohere":
    case "cohere-v1":
      assert.equal(got.status, told.cohere, got.text);
      assert.match(body.message, message);
      break;
    default:
      assert.equal(got.status, told.ollama, got.text);
      assert.match(body.error, message);
  }
  assert.match(got.headers.get("x-request-id") ?? "", /./);
}

const AUTH = `[auth]
anonymous = "loopback"
[[auth.keys]]
id = "limited"
key = "key-limited-0123456789"
models = ["other"]
`;

describe("errors of the gateway's own", async () => {
  const upstream = await startUpstream(openaiChat({ text: "hi", everyMs: 50 }));
  const sluice = await startGateway(
    failoverConfig(
      [upstream.url],
      `[limits]\nmax_request_bytes = "64KiB"\nmax_streams_per_client = 1\n${AUTH}`,
    ) +
      '[model.sealed]\ntargets = [{ provider = "a", model = "x" }]\nprivate_only = true\n' +
      '[provider.away]\nbase_url = "https://api.example.com/v1"\napi_key = "k"\n' +
      '[model.away]\ntargets = [{ provider = "away", model = "x" }]\nprivate_only = true\n',
  );
  const closed = await startGateway(
    failoverConfig([upstream.url], '[auth]\n[[auth.keys]]\nid = "a"\nkey = "key-closed-0123456789"\n'),
  );
  after(async () => {
    await sluice.close();
    await closed.close();
    await upstream.close();
  });
  const ask = (
    caller: ClientCaller,
    model: string,
    more: { headers?: Record<string, string>; body?: string } = {},
  ) => sluice.post(caller.path(model, false), more.body ?? caller.body(model, false), more.headers);

  for (const caller of CALLERS) {
    test(`${caller.name}: invalid JSON, an unknown, a forbidden and a missing model`, async () => {
      assertTold(
        caller,
        await ask(caller, "m", { body: '{"model":"m",' }),
        BAD("invalid_json"),
        /JSON|ends|expected/i,
      );
      assertTold(caller, await ask(caller, "nope"), UNKNOWN_MODEL, /nope/);
      const headers = { authorization: "Bearer key-limited-0123456789" };
      assertTold(caller, await ask(caller, "m", { headers }), FORBIDDEN, /may not use "m"/);
      if (caller.name === "gemini") return;
      const { model: _model, ...rest } = caller.body("m", false) as { model: string };
      assertTold(
        caller,
        await ask(caller, "m", { body: JSON.stringify(rest) }),
        BAD("missing_model"),
        /model/,
      );
    });

    test(`${caller.name}: no target, too large, too many streams, a wrong key`, async () => {
      assertTold(caller, await ask(caller, "away"), OVERLOADED("no_target"), /private_only/);
      const large = JSON.stringify({ ...caller.body("m", false), padding: "x".repeat(70_000) });
      assertTold(caller, await ask(caller, "m", { body: large }), TOO_LARGE, /larger than 65536 bytes/);

      const held = await openStream(sluice);
      const second = await sluice.post(caller.path("m", true), caller.body("m", true));
      assertTold(caller, second, LIMITED("too_many_streams"), /max_streams_per_client/);
      assert.ok(Number(second.headers.get("retry-after")) >= 1);
      await held.close();

      const wrong = await closed.post(caller.path("m", false), caller.body("m", false), {
        authorization: "Bearer not-a-key",
      });
      assertTold(caller, wrong, WRONG_KEY, /API key/);
    });
  }

  test("shutting down is told to every caller", async () => {
    const leaving = await startGateway(failoverConfig([upstream.url]));
    leaving.gateway.startDrain();
    for (const caller of CALLERS) {
      const got = await leaving.post(caller.path("m", false), caller.body("m", false));
      assertTold(caller, got, OVERLOADED("shutting_down"), /shutting down/);
      assert.ok(Number(got.headers.get("retry-after")) >= 1);
    }
    await leaving.close();
  });

  test("a strict alias turns a loss into a 400; others warn in a header", async () => {
    const strict = await startGateway(
      `${failoverConfig([upstream.url])}\n[model.s]\nstrict = true\ntargets = [{ provider = "a", model = "x" }]\n`,
    );
    const body = {
      max_tokens: 10,
      messages: [{ role: "user", content: "hi" }],
      tools: [{ type: "web_search_20250305", name: "web_search" }],
    };
    const lossy = await strict.post("/v1/messages", { ...body, model: "m" });
    assert.equal(lossy.status, 200, lossy.text);
    assert.match(lossy.headers.get("x-sluice-warning") ?? "", /^code=hosted_tool;field=web_search/);
    const refused = await strict.post("/v1/messages", { ...body, model: "s" });
    assert.equal(refused.status, 400);
    assert.match(refused.json().error.message, /strict/);
    await strict.close();
  });
});

describe("memory for bodies", async () => {
  const upstream = await startUpstream(openaiChat({ text: "hi" }));
  after(() => upstream.close());

  for (const caller of CALLERS) {
    test(`${caller.name}: full is a 429 with Retry-After, larger than all of it a 413, and permits come back`, async () => {
      const sluice = await startGateway(
        failoverConfig(
          [upstream.url],
          '[limits]\nmax_buffered_bytes = "64KiB"\nmax_request_bytes = "1MiB"\n',
        ),
      );
      const used = () => sluice.gateway.status().memory.bodies.used;
      const path = caller.path("m", false);
      // A body that is announced takes its permit before it comes.
      const waiting = announce(sluice, path, 60_000);
      while (used() === 0) await new Promise((resolve) => setImmediate(resolve));
      const padded = JSON.stringify({ ...caller.body("m", false), padding: "x".repeat(10_000) });
      const full = await sluice.post(path, padded);
      assertTold(caller, full, LIMITED("buffer_full"), /./);
      assert.ok(Number(full.headers.get("retry-after")) >= 1);
      const huge = JSON.stringify({ ...caller.body("m", false), padding: "x".repeat(100_000) });
      assertTold(
        caller,
        await sluice.post(path, huge),
        { ...TOO_LARGE, openai: [413, "request_too_large"] },
        /./,
      );
      waiting.destroy();
      while (used() !== 0) await new Promise((resolve) => setImmediate(resolve));
      const answer = await sluice.post(path, caller.body("m", false));
      assert.equal(answer.status, 200, answer.text);
      assert.equal(used(), 0);
      await sluice.close();
    });
  }
});

/** A stream that is being read; the upstream writes it slowly. */
async function openStream(sluice: TestGateway): Promise<{ close(): Promise<void> }> {
  const abort = new AbortController();
  const response = await fetch(`${sluice.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "hi" }] }),
    signal: abort.signal,
  });
  assert.equal(response.status, 200);
  return {
    async close() {
      abort.abort();
      while (sluice.gateway.active > 0) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** Sends a head that promises so many bytes, and none of them. */
function announce(sluice: TestGateway, path: string, length: number) {
  const request = httpRequest(sluice.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", "content-length": length },
  });
  request.on("error", () => {}); // it is destroyed by the test
  request.flushHeaders();
  return request;
}
