/** A pool asked for whole answers, over real sockets. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createPool, Failure, type PoolTarget, request } from "../../src/index.ts";
import { jsonAnswer } from "../support/answers.ts";
import { openaiChat, openaiError } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const HELLO = { messages: [{ role: "user", content: "hi" }] };

function targetAt(url: string, more: Partial<PoolTarget> = {}): PoolTarget {
  return { baseUrl: `${url}/v1`, apiKey: "k-secret-1", model: "gpt-x", ...more };
}

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (thrown) {
    assert.ok(thrown instanceof Failure, String(thrown));
    return thrown;
  }
  throw new Error("it did not fail");
}

describe("a pool of one OpenAI target", async () => {
  const upstream = await startUpstream(openaiChat({ text: "hello there" }));
  const pool = createPool([targetAt(upstream.url, { name: "one" })]);
  after(async () => {
    pool.close();
    await upstream.close();
  });

  test("answers with status, body, usage and target", async () => {
    const answer = await request<{ choices: { message: { content: string } }[] }>(pool, HELLO);
    assert.equal(answer.status, 200);
    assert.equal(answer.body.choices[0]?.message.content, "hello there");
    assert.equal(answer.target, "one/gpt-x");
    assert.equal(typeof answer.usage?.input, "number");
    assert.equal(typeof answer.usage?.output, "number");
  });

  test("asks for the target's model with the target's key, whatever the body names", async () => {
    await request(pool, { ...HELLO, model: "something/else", stream: true });
    const sent = upstream.requests.at(-1);
    assert.deepEqual(sent?.json(), { ...HELLO, model: "gpt-x", stream: false });
    assert.equal(sent?.header("authorization"), "Bearer k-secret-1");
    assert.equal(sent?.path, "/v1/chat/completions");
  });

  test("keeps every other byte of a body given as text or bytes", async () => {
    const text =
      '{ "x" : 12345678901234567890, "messages":[ {"role":"user","content":"\\u00e9"} ], "model":"m" }';
    for (const body of [text, Buffer.from(text)]) {
      await request(pool, body);
      assert.equal(upstream.requests.at(-1)?.body.toString(), text.replace('"m"', '"gpt-x"'));
    }
  });

  test("passes the caller's own headers on, never a credential", async () => {
    await request(pool, HELLO, { headers: { "OpenAI-Organization": "org", "x-api-key": "mine" } });
    const sent = upstream.requests.at(-1);
    assert.equal(sent?.header("openai-organization"), "org");
    assert.equal(sent?.header("x-api-key"), "");
  });

  test("answers Anthropic's callers in their protocol", async () => {
    const body = { max_tokens: 50, messages: [{ role: "user", content: "hi" }] };
    const answer = await request<Record<string, unknown>>(pool, body, { protocol: "anthropic" });
    assert.equal(answer.body["type"], "message");
    const content = answer.body["content"] as readonly { type: string; text: string }[];
    assert.deepEqual(
      content.map(({ type, text }) => [type, text]),
      [["text", "hello there"]],
    );
    assert.equal(answer.body["stop_reason"], "end_turn");
    const sent = upstream.requests.at(-1)?.json() as Record<string, unknown>;
    assert.equal(sent["model"], "gpt-x");
    assert.deepEqual(sent["messages"], [{ role: "user", content: "hi" }]);
  });

  for (const [protocol, body, member] of [
    ["gemini", { contents: [{ parts: [{ text: "hi" }] }] }, "candidates"],
    ["openai-responses", { input: "hi" }, "output"],
    ["cohere", { messages: [{ role: "user", content: "hi" }] }, "message"],
    ["ollama", { messages: [{ role: "user", content: "hi" }] }, "message"],
  ] as const) {
    test(`answers ${protocol} callers in their protocol`, async () => {
      const answer = await request<object>(pool, body, { protocol });
      assert.ok(member in answer.body, JSON.stringify(answer.body));
      assert.ok(JSON.stringify(answer.body).includes("hello there"));
    });
  }

  test("refuses what is no JSON object with a 400 of its own code, and sends nothing", async () => {
    const before = upstream.requests.length;
    for (const body of ["{", "[]", '"x"']) {
      const failure = await failureOf(request(pool, body));
      assert.equal(failure.code, "invalid_json", body);
      assert.equal(failure.status, 400);
    }
    assert.equal(upstream.requests.length, before);
  });

  test("refuses wrong arguments with a TypeError that says what is allowed", async () => {
    const wrong = request as (...args: unknown[]) => Promise<unknown>;
    await assert.rejects(wrong({}, HELLO), { name: "TypeError", message: /what createPool returned/ });
    await assert.rejects(wrong(pool, 5), { name: "TypeError", message: /^body: / });
    await assert.rejects(wrong(pool, [1]), { name: "TypeError", message: /^body: / });
    await assert.rejects(wrong(pool, HELLO, { protocol: "soap" }), {
      message: /protocol: allowed: "openai-chat"/,
    });
    await assert.rejects(wrong(pool, HELLO, { signal: {} }), { message: /AbortSignal/ });
    await assert.rejects(wrong(pool, HELLO, { headers: { a: "b\r\nc: d" } }), { message: /headers/ });
    await assert.rejects(wrong(pool, HELLO, { sginal: null }), { message: /sginal: is not known/ });
  });
});

describe("a pool of several targets", () => {
  test("asks the next one when the first fails, and its circuit keeps the first one out afterwards", async () => {
    const bad = await startUpstream(openaiError(500));
    const good = await startUpstream(openaiChat({ text: "from the second" }));
    const pool = createPool([targetAt(bad.url, { name: "bad" }), targetAt(good.url, { name: "good" })]);
    try {
      for (let i = 0; i < 6; i++) {
        const answer = await request(pool, HELLO);
        assert.equal(answer.target, "good/gpt-x");
      }
      const asked = bad.requests.length;
      assert.ok(asked >= 3 && asked < 6, `the failing target was asked ${asked} times`);
      await request(pool, HELLO);
      assert.equal(bad.requests.length, asked);
    } finally {
      pool.close();
      await Promise.all([bad.close(), good.close()]);
    }
  });

  test("with no retries the first failure is the answer", async () => {
    const bad = await startUpstream(openaiError(500));
    const good = await startUpstream(openaiChat());
    const pool = createPool([targetAt(bad.url), targetAt(good.url)], { retries: 0 });
    try {
      const failure = await failureOf(request(pool, HELLO));
      assert.equal(failure.status, 500);
      assert.equal(failure.kind, "upstream");
      assert.equal(bad.requests.length, 1);
      assert.equal(good.requests.length, 0);
    } finally {
      pool.close();
      await Promise.all([bad.close(), good.close()]);
    }
  });
});

describe("what a provider refuses", async () => {
  const upstream = await startUpstream(openaiChat());
  const pool = createPool([targetAt(upstream.url)], { retries: 0 });
  after(async () => {
    pool.close();
    await upstream.close();
  });

  test("is a Failure with the provider's message and parameter", async () => {
    upstream.play(
      jsonAnswer(
        {
          error: {
            message: "bad temperature",
            type: "invalid_request_error",
            param: "temperature",
            code: "x_y",
          },
        },
        { status: 400 },
      ),
    );
    const failure = await failureOf(request(pool, HELLO));
    assert.equal(failure.status, 400);
    assert.equal(failure.kind, "bad_request");
    assert.match(failure.message, /bad temperature/);
    assert.equal(failure.param, "temperature");
  });

  test("a rate limit says when to ask again", async () => {
    upstream.play(
      jsonAnswer({ error: { message: "slow down" } }, { status: 429, headers: { "retry-after": "7" } }),
    );
    const failure = await failureOf(request(pool, HELLO));
    assert.equal(failure.code, "rate_limit_exceeded");
    assert.equal(failure.status, 429);
    assert.equal(failure.retryAfterMs, 7000);
  });

  test("never shows the key", async () => {
    const other = createPool([targetAt(upstream.url)], { retries: 0 });
    upstream.play(
      jsonAnswer({ error: { message: "Incorrect API key provided: k-secret-1" } }, { status: 401 }),
    );
    const failure = await failureOf(request(other, HELLO));
    other.close();
    assert.equal(failure.kind, "upstream_auth");
    assert.ok(!failure.message.includes("k-secret-1"), failure.message);
  });

  test("an answer above the cap fails instead of filling the memory", async () => {
    const piece = Buffer.alloc(1024 * 1024, " ");
    const large = await startUpstream({
      steps: [
        {
          send: `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${40 * piece.length}\r\n\r\n{`,
        },
        ...Array.from({ length: 39 }, () => ({ send: piece })),
        "stall",
      ],
    });
    const other = createPool([targetAt(large.url)], { retries: 0 });
    try {
      const failure = await failureOf(request(other, HELLO));
      assert.equal(failure.code, "upstream_too_large");
      await large.drained();
    } finally {
      other.close();
      await large.close();
    }
  });
});
