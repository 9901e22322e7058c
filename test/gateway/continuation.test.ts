/** A stream that breaks after content is finished by another target, or ends with an in-band error: never cut short in silence. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventStream, sse, words } from "../support/answers.ts";
import { anthropicEvents, anthropicMessages } from "../support/anthropic-answers.ts";
import { failoverConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { openaiChat, openaiChatEvents, openaiError } from "../support/openai-answers.ts";
import { type Script, type ScriptedUpstream, startUpstream } from "../support/scripted-upstream.ts";

const WORDS = Array.from({ length: 60 }, (_, index) => `word${index}`);
const TEXT = WORDS.join(" ");
const SHORT = `[timeouts]
first_token = "1s"
first_token_max = "4s"
idle = "700ms"
[retry]
backoff_base = "1ms"
`;
const ask = { model: "m", messages: [{ role: "user", content: "count" }], max_tokens: 500, stream: true };

interface Setup {
  readonly sluice: TestGateway;
  readonly upstreams: readonly ScriptedUpstream[];
}

async function withTargets(
  scripts: readonly Script[],
  use: (setup: Setup) => Promise<void>,
  shape: (urls: readonly string[]) => string = (urls) => failoverConfig(urls, SHORT),
): Promise<void> {
  const upstreams = await Promise.all(scripts.map((script) => startUpstream(script)));
  const sluice = await startGateway(shape(upstreams.map(({ url }) => url)));
  try {
    await use({ sluice, upstreams });
    assert.equal(sluice.gateway.status().memory.bodies.used, 0, "permits");
    assert.equal(sluice.gateway.active, 0);
  } finally {
    await sluice.close();
    for (const upstream of upstreams) await upstream.close();
  }
}

/** Cut behind `count` words. */
function cutAfter(count: number, how: "close" | "stall" = "close"): Script {
  return eventStream(openaiChatEvents({ text: TEXT, id: "chatcmpl-first", model: "model-a" }), {
    breakAfter: 1 + count,
    how,
  });
}

interface Asked {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly max_tokens?: number;
}

function soFar(request: { readonly body: Buffer }): string {
  const asked = JSON.parse(request.body.toString()) as Asked;
  return asked.messages.find(({ role }) => role === "assistant")?.content ?? "";
}

/** Goes on where the text stops. */
const finish: Script = (request) =>
  openaiChat({ text: TEXT.slice(soFar(request).length), id: "chatcmpl-other", model: "model-b" })(request);
const prefills = (toml: string) => toml.replace('model = "model-b" }', 'model = "model-b", prefill = true }');

function chunks(text: string): ReturnType<typeof JSON.parse>[] {
  return text
    .split("\n\n")
    .filter((block) => block.startsWith("data: {"))
    .map((block) => JSON.parse(block.slice(6)));
}

function content(text: string): string {
  return chunks(text)
    .map((chunk) => chunk.choices?.[0]?.delta?.content ?? "")
    .join("");
}

function assertWhole(text: string): void {
  assert.equal(content(text), TEXT);
  assert.match(text, /data: \[DONE\]\n\n$/);
  assert.equal(text.match(/"finish_reason":"/g)?.length, 1);
}

function assertBroken(text: string, message = /model-a/): void {
  assert.doesNotMatch(text, /\[DONE\]/);
  assert.doesNotMatch(text, /"finish_reason":"/);
  assert.match(chunks(text).at(-1)?.error?.message ?? "", message);
}

describe("a Chat stream cut at word 40 of 60", { concurrency: 4 }, () => {
  test("is finished by a message that asks to go on, and keeps its id", async () => {
    await withTargets([cutAfter(40), finish], async ({ sluice, upstreams }) => {
      const got = await sluice.post("/v1/chat/completions", {
        ...ask,
        stream_options: { include_usage: true },
      });
      assertWhole(got.text);
      const all = chunks(got.text);
      assert.deepEqual([...new Set(all.map((chunk) => chunk.id))], ["chatcmpl-first"]);
      assert.deepEqual(
        [...new Set(all.map((chunk) => chunk.model))],
        ["model-a", "model-b"],
        "the model that answers",
      );
      const asked = upstreams[1]?.requests[0]?.json() as Asked;
      assert.deepEqual(
        asked.messages.map(({ role }) => role),
        ["user", "assistant", "user"],
      );
      assert.equal(asked.messages[1]?.content, WORDS.slice(0, 40).join(" "));
      assert.ok(
        (asked.max_tokens ?? 0) < 450 && (asked.max_tokens ?? 0) > 300,
        `max_tokens ${asked.max_tokens}`,
      );
      const usage = all.findLast((chunk) => chunk.usage != null)?.usage;
      assert.ok(usage.completion_tokens > 60, `all output: ${usage.completion_tokens}`);
    });
  });

  test("is finished by a prefill where the target takes one", async () => {
    await withTargets(
      [cutAfter(40), finish],
      async ({ sluice, upstreams }) => {
        assertWhole((await sluice.post("/v1/chat/completions", ask)).text);
        const asked = upstreams[1]?.requests[0]?.json() as Asked;
        assert.deepEqual(
          asked.messages.map(({ role }) => role),
          ["user", "assistant"],
        );
      },
      (urls) => prefills(failoverConfig(urls, SHORT)),
    );
  });

  test("is asked again without the prefill when that is refused", async () => {
    const refuses: Script = (request) => {
      const asked = JSON.parse(request.body.toString()) as Asked;
      if (asked.messages.at(-1)?.role !== "assistant")
        return openaiChat({ text: TEXT.slice(soFar(request).length) })(request);
      return openaiError(400, {
        message:
          "This model does not support assistant message prefill. The conversation must end with a user message.",
      });
    };
    await withTargets(
      [cutAfter(40), refuses],
      async ({ sluice, upstreams }) => {
        assertWhole((await sluice.post("/v1/chat/completions", ask)).text);
        assert.equal(upstreams[1]?.requests.length, 2);
      },
      (urls) => prefills(failoverConfig(urls, SHORT)),
    );
  });

  test("is whole when the next target begins again with the same words", async () => {
    await withTargets([cutAfter(40), openaiChat({ text: TEXT })], async ({ sluice }) => {
      assertWhole((await sluice.post("/v1/chat/completions", ask)).text);
    });
  });

  test("is whole when the next target repeats the last words", async () => {
    const overlaps: Script = (request) =>
      openaiChat({ text: TEXT.slice(soFar(request).length - 20) })(request);
    await withTargets([cutAfter(40), overlaps], async ({ sluice }) => {
      assertWhole((await sluice.post("/v1/chat/completions", ask)).text);
    });
  });

  test("ends with an in-band error when the next target begins another answer, and nobody is blamed for that", async () => {
    const other = TEXT.replace("word5 ", "else ");
    await withTargets([cutAfter(40), openaiChat({ text: other })], async ({ sluice }) => {
      const { text } = await sluice.post("/v1/chat/completions", ask);
      assertBroken(text, /began another/);
      assert.equal(content(text), WORDS.slice(0, 40).join(" "));
      assert.equal(sluice.gateway.status().models[0]?.targets[1]?.failures, 0);
    });
  });

  test("is finished over several breaks", async () => {
    const again =
      (count: number): Script =>
      (request) => {
        const rest = TEXT.slice(soFar(request).length);
        return eventStream(openaiChatEvents({ text: rest }), { breakAfter: 1 + count, how: "close" });
      };
    await withTargets([cutAfter(20), again(10), again(10), finish], async ({ sluice, upstreams }) => {
      assertWhole((await sluice.post("/v1/chat/completions", ask)).text);
      assert.equal(soFar(upstreams[3]?.requests[0] as never), WORDS.slice(0, 40).join(" "));
    });
  });

  test("goes on when the finishing target fails before content", async () => {
    await withTargets([cutAfter(40), openaiError(500), finish], async ({ sluice }) => {
      assertWhole((await sluice.post("/v1/chat/completions", ask)).text);
    });
  });

  test("is finished after a stall, by a target that is itself late", async () => {
    const late: Script = (request) => ({
      steps: [{ waitMs: 1300 }, ...openaiChat({ text: TEXT.slice(soFar(request).length) })(request).steps],
    });
    await withTargets([cutAfter(40, "stall"), late], async ({ sluice }) => {
      assertWhole((await sluice.post("/v1/chat/completions", ask)).text);
    });
  });

  test("ends in-band when nobody is left", async () => {
    for (const scripts of [[cutAfter(40)], [cutAfter(40), openaiError(500)]]) {
      await withTargets(scripts, async ({ sluice }) => {
        const { text } = await sluice.post("/v1/chat/completions", ask);
        assertBroken(text);
        assert.equal(content(text), WORDS.slice(0, 40).join(" "));
      });
    }
  });

  test("an empty continuation completes the answer with what there is", async () => {
    await withTargets([cutAfter(60), openaiChat({ text: "" })], async ({ sluice }) => {
      assertWhole((await sluice.post("/v1/chat/completions", ask)).text);
    });
  });

  test("a tool call of the finishing target is not lost", async () => {
    const calls: Script = openaiChat({ tools: [{ name: "look", arguments: '{"x":1}' }] });
    await withTargets([cutAfter(40), calls], async ({ sluice }) => {
      const { text } = await sluice.post("/v1/chat/completions", ask);
      assert.match(text, /"name":"look"/);
      assert.match(text, /"finish_reason":"tool_calls"/);
      assert.match(text, /\[DONE\]/);
    });
  });
});

describe("a stream that is not continued", { concurrency: 4 }, () => {
  const cases: Record<string, { readonly script: Script; readonly body: object }> = {
    "once a tool call was sent": {
      script: eventStream(
        openaiChatEvents({ text: "let me see", tools: [{ name: "look", arguments: '{"x":12345678}' }] }),
        { breakAfter: 6, how: "close" },
      ),
      body: ask,
    },
    "for n > 1": { script: cutAfter(40), body: { ...ask, n: 2 } },
    "with logprobs": { script: cutAfter(40), body: { ...ask, logprobs: true } },
  };
  for (const [name, { script, body }] of Object.entries(cases)) {
    test(`${name}: an in-band error, and no other target is asked`, async () => {
      await withTargets([script, finish], async ({ sluice, upstreams }) => {
        assertBroken((await sluice.post("/v1/chat/completions", body)).text);
        assert.equal(upstreams[1]?.requests.length, 0);
      });
    });
  }

  const schema = { type: "json_schema", json_schema: { name: "x", schema: { type: "object" } } };
  test("under a JSON schema an exact restart finishes it, anything else is an in-band error", async () => {
    await withTargets([cutAfter(40), openaiChat({ text: TEXT })], async ({ sluice, upstreams }) => {
      assertWhole((await sluice.post("/v1/chat/completions", { ...ask, response_format: schema })).text);
      assert.equal(soFar(upstreams[1]?.requests[0] as never), "", "asked afresh");
    });
    await withTargets([cutAfter(40), openaiChat({ text: TEXT.slice(200) })], async ({ sluice }) => {
      assertBroken(
        (await sluice.post("/v1/chat/completions", { ...ask, response_format: schema })).text,
        /began another/,
      );
    });
  });
});

test("a cut inside reasoning before any text starts the reasoning afresh", async () => {
  const reasoning = "let me think about it";
  const first = eventStream(openaiChatEvents({ reasoning, text: TEXT }), { breakAfter: 4, how: "close" });
  await withTargets([first, openaiChat({ reasoning, text: TEXT })], async ({ sluice, upstreams }) => {
    const { text } = await sluice.post("/v1/chat/completions", ask);
    assertWhole(text);
    assert.equal(soFar(upstreams[1]?.requests[0] as never), "");
  });
});

describe("across protocols", { concurrency: 4 }, () => {
  const mixed = (urls: readonly string[]) => `${SHORT}
[provider.a]
protocol = "anthropic"
base_url = "${urls[0]}"
api_key = "k-a"
[provider.b]
base_url = "${urls[1]}/v1"
api_key = "k-b"
[model.m]
strategy = "failover"
targets = [{ provider = "a", model = "model-a" }, { provider = "b", model = "model-b" }]
`;
  const swapped = (urls: readonly string[]) =>
    mixed([urls[1] ?? "", urls[0] ?? ""]).replace(
      'targets = [{ provider = "a", model = "model-a" }, { provider = "b", model = "model-b" }]',
      'targets = [{ provider = "b", model = "model-b" }, { provider = "a", model = "model-a" }]',
    );
  const claude: Script = eventStream(
    anthropicEvents({ text: TEXT, id: "msg_first", usage: { input: 77, output: 60 } }),
    { breakAfter: 43, how: "close" },
  );
  const message = {
    model: "m",
    max_tokens: 500,
    messages: [{ role: "user", content: "count" }],
    stream: true,
  };

  function claudeEvents(text: string): ReturnType<typeof JSON.parse>[] {
    return text
      .split("\n\n")
      .filter((block) => block.includes("data: "))
      .map((block) => JSON.parse(block.slice(block.indexOf("data: ") + 6)));
  }

  test("a Claude stream that dies is finished by an OpenAI target: one message, one text block, whole usage", async () => {
    await withTargets(
      [claude, finish],
      async ({ sluice }) => {
        const { text } = await sluice.post("/v1/messages", message, { "anthropic-version": "2023-06-01" });
        const events = claudeEvents(text);
        const types = events.map(({ type }) => type);
        assert.equal(types.filter((type) => type === "message_start").length, 1);
        assert.equal(types.at(-1), "message_stop");
        assert.deepEqual(
          events.filter(({ type }) => type === "content_block_start").map(({ index }) => index),
          [0],
        );
        const said = events.map((event) => event.delta?.text ?? "").join("");
        assert.equal(said, TEXT);
        const delta = events.find(({ type }) => type === "message_delta");
        assert.equal(delta.delta.stop_reason, "end_turn");
        assert.ok(delta.usage.output_tokens > 60, `all output: ${delta.usage.output_tokens}`);
        if (delta.usage.input_tokens !== undefined) assert.equal(delta.usage.input_tokens, 77);
      },
      mixed,
    );
  });

  test("an OpenAI stream that dies is finished by Claude, for callers of both", async () => {
    const rest: Script = (request) => {
      const asked = JSON.parse(request.body.toString()) as { messages: { role: string; content: unknown }[] };
      const assistant = asked.messages.find(({ role }) => role === "assistant")?.content;
      const so =
        typeof assistant === "string" ? assistant : ((assistant as { text: string }[])[0]?.text ?? "");
      return anthropicMessages({ text: TEXT.slice(so.length) })(request);
    };
    await withTargets(
      [cutAfter(40), rest],
      async ({ sluice }) => {
        assertWhole((await sluice.post("/v1/chat/completions", ask)).text);
      },
      swapped,
    );
    await withTargets(
      [cutAfter(40), rest],
      async ({ sluice }) => {
        const { text } = await sluice.post("/v1/messages", message, { "anthropic-version": "2023-06-01" });
        const events = claudeEvents(text);
        assert.equal(events.map((event) => event.delta?.text ?? "").join(""), TEXT);
        assert.deepEqual(
          events.filter(({ type }) => type === "content_block_start").map(({ index }) => index),
          [0],
        );
        assert.equal(events.at(-1)?.type, "message_stop");
      },
      swapped,
    );
  });

  test("a Claude stream nobody can finish ends with an error event and no message_stop", async () => {
    await withTargets(
      [claude, openaiError(500)],
      async ({ sluice }) => {
        const { text } = await sluice.post("/v1/messages", message, { "anthropic-version": "2023-06-01" });
        const events = claudeEvents(text);
        assert.equal(events.at(-1)?.type, "error");
        assert.ok(!events.some(({ type }) => type === "message_stop"));
      },
      mixed,
    );
  });

  test("a cut inside Claude's thinking before any text begins it afresh in a block of its own", async () => {
    const thinking = words("this needs some thought first");
    const first = eventStream(anthropicEvents({ thinking: thinking.join(""), text: TEXT }), {
      breakAfter: 5,
      how: "rst",
    });
    await withTargets(
      [first, openaiChat({ reasoning: "another thought", text: TEXT })],
      async ({ sluice }) => {
        const { text } = await sluice.post("/v1/messages", message, { "anthropic-version": "2023-06-01" });
        const events = claudeEvents(text);
        const starts = events.filter(({ type }) => type === "content_block_start");
        assert.deepEqual(
          starts.map((event) => [event.index, event.content_block.type]),
          [
            [0, "thinking"],
            [1, "thinking"],
            [2, "text"],
          ],
        );
        assert.equal(events.filter(({ type }) => type === "content_block_stop").length, 3);
        assert.equal(events.map((event) => event.delta?.text ?? "").join(""), TEXT);
      },
      mixed,
    );
  });

  const callers: Record<
    string,
    {
      readonly path: string;
      readonly body: object;
      readonly text: (wire: string) => string;
      readonly end: RegExp;
    }
  > = {
    Gemini: {
      path: "/v1beta/models/m:streamGenerateContent?alt=sse",
      body: { contents: [{ role: "user", parts: [{ text: "count" }] }] },
      text: (wire) =>
        chunks(wire.replaceAll("\r\n", "\n"))
          .map(
            (chunk) =>
              chunk.candidates?.[0]?.content?.parts
                ?.map((part: { text?: string }) => part.text ?? "")
                .join("") ?? "",
          )
          .join(""),
      end: /"finishReason":"STOP"/,
    },
    Responses: {
      path: "/v1/responses",
      body: { model: "m", input: "count", stream: true },
      text: (wire) =>
        claudeEvents(wire)
          .filter(({ type }) => type === "response.output_text.delta")
          .map(({ delta }) => delta)
          .join(""),
      end: /"type":"response.completed"/,
    },
    Cohere: {
      path: "/v2/chat",
      body: { model: "m", messages: [{ role: "user", content: "count" }], stream: true },
      text: (wire) =>
        claudeEvents(wire)
          .map((event) => event.delta?.message?.content?.text ?? "")
          .join(""),
      end: /"finish_reason":"COMPLETE"/,
    },
    Ollama: {
      path: "/api/chat",
      body: { model: "m", messages: [{ role: "user", content: "count" }] },
      text: (wire) =>
        wire
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line).message?.content ?? "")
          .join(""),
      end: /"done":true/,
    },
  };
  for (const [name, caller] of Object.entries(callers)) {
    test(`a ${name} caller gets one whole answer of two OpenAI targets`, async () => {
      await withTargets([cutAfter(40), finish], async ({ sluice }) => {
        const { text } = await sluice.post(caller.path, caller.body);
        assert.equal(caller.text(text), TEXT, text.slice(-600));
        assert.equal(text.match(new RegExp(caller.end, "g"))?.length, 1);
      });
    });

    test(`a ${name} caller is told when nobody can finish it`, async () => {
      await withTargets([cutAfter(40)], async ({ sluice }) => {
        const wire = await sluice.post(caller.path, caller.body).then(
          ({ text }) => text,
          () => "cut",
        );
        assert.doesNotMatch(wire, caller.end);
        if (wire !== "cut") assert.match(wire, /error/);
      });
    });
  }
});

test("a body that gave way to new requests: the stream that breaks then ends in-band, counted", async () => {
  let go = () => {};
  const wait = new Promise<void>((resolve) => {
    go = resolve;
  });
  const first: Script = (request) => {
    if (JSON.parse(request.body.toString()).stream !== true) return openaiChat({ text: "small" })(request);
    const play = cutAfter(40) as { steps: readonly never[] };
    return { steps: [...play.steps.slice(0, -1), { until: wait }, "rst"] };
  };
  await withTargets(
    [first, finish],
    async ({ sluice, upstreams }) => {
      const pad = "x".repeat(60_000);
      const streamed = sluice.post("/v1/chat/completions", {
        ...ask,
        messages: [{ role: "user", content: pad }],
      });
      await upstreams[0]?.received(1);
      while (sluice.gateway.status().models[0]?.targets[0]?.streamLatency === null)
        await new Promise((next) => setTimeout(next, 5));
      assert.ok(sluice.gateway.status().memory.bodies.used > 60_000);
      const other = await sluice.post("/v1/chat/completions", {
        model: "m",
        messages: [{ role: "user", content: pad }],
      });
      assert.equal(other.status, 200);
      assert.equal(sluice.gateway.status().memory.bodies.used, 0);
      go();
      assertBroken((await streamed).text);
      assert.equal(upstreams[1]?.requests.length, 0);
      assert.deepEqual(sluice.gateway.status().repairs, {
        finished: 0,
        failed: 1,
        bodiesDropped: 1,
        bodiesMissed: 1,
      });
    },
    (urls) => failoverConfig(urls, `${SHORT}[limits]\nmax_buffered_bytes = "128KiB"\n`),
  );
});

test("an error event about the request itself is no reason to ask another target", async () => {
  const first = eventStream([
    ...openaiChatEvents({ text: TEXT }).slice(0, 30),
    sse({
      error: {
        message: "blocked by our content filtering policy",
        code: "content_filter",
        type: "invalid_request_error",
      },
    }),
  ]);
  await withTargets([first, finish], async ({ sluice, upstreams }) => {
    assertBroken((await sluice.post("/v1/chat/completions", ask)).text, /content filtering policy/);
    assert.equal(upstreams[1]?.requests.length, 0);
    assert.equal(sluice.gateway.status().models[0]?.targets[0]?.failures, 0);
  });
});
