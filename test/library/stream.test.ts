/** A pool's streams: bytes of the caller's protocol, backpressure, and what becomes of them when somebody leaves. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPool, Failure, type Pool, request, requestStream } from "../../src/index.ts";
import { answer, eventStream } from "../support/answers.ts";
import { openaiChat, openaiChatEvents, openaiError } from "../support/openai-answers.ts";
import { type Script, type ScriptedUpstream, startUpstream } from "../support/scripted-upstream.ts";

const HELLO = { messages: [{ role: "user", content: "hi" }] };
const STREAM_HEAD =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

async function withPool(
  scripts: readonly (Script | readonly Script[])[],
  use: (pool: Pool, upstreams: readonly ScriptedUpstream[]) => Promise<void>,
  options: Parameters<typeof createPool>[1] = {},
): Promise<void> {
  const upstreams = await Promise.all(scripts.map((script) => startUpstream(script)));
  const pool = createPool(
    upstreams.map(({ url }, index) => ({
      name: `t${index}`,
      baseUrl: `${url}/v1`,
      apiKey: "k",
      model: "gpt-x",
    })),
    options,
  );
  try {
    await use(pool, upstreams);
  } finally {
    pool.close();
    await Promise.all(upstreams.map((upstream) => upstream.close()));
  }
}

async function collect(stream: AsyncIterable<Uint8Array>, into: Uint8Array[] = []): Promise<string> {
  for await (const chunk of stream) into.push(chunk);
  return Buffer.concat(into).toString();
}

describe("a stream", () => {
  test("yields the bytes of the provider's stream, then usage and target are known", () =>
    withPool([openaiChat({ text: "one two three" })], async (pool, [upstream]) => {
      const stream = requestStream(pool, { ...HELLO, stream_options: { include_usage: true } });
      assert.equal(stream.target, null);
      const text = await collect(stream);
      assert.match(text, /^data: \{/);
      assert.match(text, /data: \[DONE\]\n\n$/);
      assert.equal(stream.status, 200);
      assert.equal(stream.target, "t0/gpt-x");
      assert.equal(typeof stream.usage?.output, "number");
      assert.match(upstream?.requests[0]?.body.toString() ?? "", /"stream":true/);
    }));

  test("is converted to the caller's protocol", () =>
    withPool([openaiChat({ text: "one two three" })], async (pool) => {
      const body = { max_tokens: 9, messages: [{ role: "user", content: "hi" }] };
      const text = await collect(requestStream(pool, body, { protocol: "anthropic" }));
      assert.match(text, /^event: message_start\n/);
      assert.match(text, /event: message_stop\ndata: .*\n\n$/);
      const deltas = [...text.matchAll(/"text_delta","text":"([^"]*)"/g)].map((match) => match[1]);
      assert.equal(deltas.join(""), "one two three");
    }));

  test("of Gemini's protocol comes as events", () =>
    withPool([openaiChat({ text: "one two" })], async (pool) => {
      const body = { contents: [{ parts: [{ text: "hi" }] }] };
      const text = await collect(requestStream(pool, body, { protocol: "gemini" }));
      assert.match(text, /^data: \{"candidates"/);
    }));

  test("goes to the next target when the first fails before its content", () =>
    withPool([openaiError(503), openaiChat({ text: "saved" })], async (pool) => {
      const stream = requestStream(pool, HELLO);
      assert.match(await collect(stream), /saved/);
      assert.equal(stream.target, "t1/gpt-x");
    }));

  test("arrives piece by piece, not at the end", () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const events = openaiChatEvents({ text: "first second" });
    const steps = [
      { send: STREAM_HEAD },
      { chunk: events.slice(0, 2).join("") },
      { until: held },
      { chunk: events.slice(2).join("") },
      "last-chunk",
    ] as const;
    return withPool([{ steps }], async (pool) => {
      const stream = requestStream(pool, HELLO);
      let text = "";
      while (!text.includes("first")) text += Buffer.from((await stream.next()).value ?? []).toString();
      release();
      assert.match(await collect(stream), /second[\s\S]*\[DONE\]/);
    });
  });

  test("sends nothing before it is read", () =>
    withPool([openaiChat()], async (pool, [upstream]) => {
      const stream = requestStream(pool, HELLO);
      await stream.return?.();
      assert.deepEqual(await stream.next(), { value: undefined, done: true });
      await request(pool, HELLO);
      assert.equal(upstream?.requests.length, 1);
    }));
});

describe("a stream that nobody reads on", () => {
  test("is cancelled upstream when the loop is left", () =>
    withPool(
      [{ steps: [{ send: STREAM_HEAD }, { chunk: openaiChatEvents().slice(0, 3).join("") }, "stall"] }],
      async (pool, [upstream]) => {
        for await (const chunk of requestStream(pool, HELLO)) {
          assert.ok(chunk.length > 0);
          break;
        }
        await upstream?.drained();
        assert.equal(upstream?.requests[0]?.aborted, true);
      },
    ));

  test("is cancelled upstream when its signal says so, and fails as client_closed", () =>
    withPool(
      [{ steps: [{ send: STREAM_HEAD }, { chunk: openaiChatEvents().slice(0, 3).join("") }, "stall"] }],
      async (pool, [upstream]) => {
        const abort = new AbortController();
        const stream = requestStream(pool, HELLO, { signal: abort.signal });
        await stream.next();
        const waiting = stream.next();
        abort.abort(new Error("enough"));
        await assert.rejects(waiting, (thrown) => {
          assert.ok(thrown instanceof Failure);
          assert.equal(thrown.code, "client_closed");
          assert.equal((thrown.cause as Error).message, "enough");
          return true;
        });
        assert.deepEqual(await stream.next(), { value: undefined, done: true });
        await upstream?.drained();
      },
    ));

  test("a request aborted before it began sends nothing; one that waits ends at once", () =>
    withPool([{ steps: ["stall"] }], async (pool, [upstream]) => {
      await assert.rejects(request(pool, HELLO, { signal: AbortSignal.abort() }), { code: "client_closed" });
      assert.equal(upstream?.connections, 0);
      const abort = new AbortController();
      const asked = request(pool, HELLO, { signal: abort.signal });
      await upstream?.received(1);
      abort.abort();
      await assert.rejects(asked, { code: "client_closed", status: 499 });
      await upstream?.drained();
    }));

  test("is held back upstream instead of being collected", async () => {
    const event = `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, delta: { content: "x".repeat(60_000) }, finish_reason: null }] })}\n\n`;
    const steps = [
      { send: STREAM_HEAD },
      ...Array.from({ length: 800 }, () => ({ chunk: event })),
      "stall",
    ] as const;
    await withPool(
      [{ steps }],
      async (pool, [upstream]) => {
        const stream = requestStream(pool, HELLO);
        let size = (await stream.next()).value?.length ?? 0;
        // 48 MB are on their way while nobody reads; what was taken by then is all that is left after the cut.
        await new Promise((resolve) => setTimeout(resolve, 300));
        upstream?.cut();
        await assert.rejects(async () => {
          for await (const chunk of stream) size += chunk.length;
        }, Failure);
        assert.ok(size < 16_000_000, `${size} bytes were taken`);
      },
      { retries: 0, continuation: false },
    );
  });
});

describe("a stream that breaks", () => {
  const broken = eventStream(openaiChatEvents({ text: "one two three" }), { breakAfter: 3, how: "rst" });

  test("yields what came and the error in the protocol's words, then throws the Failure", () =>
    withPool(
      [broken],
      async (pool) => {
        const pieces: Uint8Array[] = [];
        await assert.rejects(
          collect(requestStream(pool, HELLO), pieces),
          (thrown) => thrown instanceof Failure,
        );
        const text = Buffer.concat(pieces).toString();
        assert.match(text, /one/);
        assert.ok(!text.includes("[DONE]"), text);
      },
      { retries: 0, continuation: false },
    ));

  test("throws at once what failed before it began", () =>
    withPool([openaiError(400)], async (pool) => {
      const pieces: Uint8Array[] = [];
      await assert.rejects(collect(requestStream(pool, HELLO), pieces), { status: 400, kind: "bad_request" });
      assert.deepEqual(pieces, []);
    }));

  test("is finished by the next target where that is allowed", () =>
    withPool([broken, openaiChat({ text: "two three" })], async (pool) => {
      const stream = requestStream(pool, HELLO);
      assert.match(await collect(stream), /one[\s\S]*three[\s\S]*\[DONE\]/);
      assert.equal(stream.target, "t1/gpt-x");
    }));

  test("an answer that is no stream's is a Failure too", () =>
    withPool(
      [answer({ headers: { "content-type": "text/html" }, body: "<html>" })],
      async (pool) => {
        await assert.rejects(collect(requestStream(pool, HELLO)), (thrown) => thrown instanceof Failure);
      },
      { retries: 0 },
    ));
});
