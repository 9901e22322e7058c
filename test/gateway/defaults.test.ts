/** Nothing tuned, real sockets: what a caller gets from providers that refuse, slow down, or die in the middle of an answer. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventStream } from "../support/answers.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { openaiChat, openaiChatEvents, openaiError } from "../support/openai-answers.ts";
import { publicAlias } from "../support/public-alias.ts";
import { type Script, type ScriptedUpstream, startUpstream } from "../support/scripted-upstream.ts";

const TEXT = Array.from({ length: 60 }, (_, index) => `word${index + 1}`).join(" ");
const CHAT = "/v1/chat/completions";
const question = { model: "m", messages: [{ role: "user", content: "count to sixty" }] };

async function withProviders(
  scripts: readonly Script[],
  targets: Readonly<Record<string, string>>,
  use: (sluice: TestGateway, upstreams: readonly ScriptedUpstream[]) => Promise<void>,
): Promise<void> {
  const upstreams = await Promise.all(scripts.map((script) => startUpstream(script)));
  const sluice = await startGateway(
    publicAlias(
      upstreams.map(({ url }) => url),
      targets,
    ),
  );
  try {
    await use(sluice, upstreams);
  } finally {
    await sluice.close();
    for (const upstream of upstreams) await upstream.close();
  }
}

function contentOf(stream: string): string {
  return stream
    .split("\n\n")
    .filter((block) => block.startsWith("data: {"))
    .map((block) => JSON.parse(block.slice(6)).choices[0]?.delta?.content ?? "")
    .join("");
}

/** Says the last 20 words to whoever asks it to go on; `prefill` false: refuses a request that ends with an answer. */
function backup(prefill: boolean): Script {
  return (request) => {
    const { messages } = JSON.parse(request.body.toString()) as {
      messages: { role: string; content: string }[];
    };
    if (!prefill && messages.at(-1)?.role === "assistant") {
      return openaiError(400, { message: "This model does not support assistant message prefill." });
    }
    const soFar = messages.find(({ role }) => role === "assistant")?.content ?? "";
    return openaiChat({ text: TEXT.slice(soFar.length), model: "model-b" })(request);
  };
}

describe("with the built-in defaults", { concurrency: 4 }, () => {
  for (const stream of [false, true]) {
    test(`429 with Retry-After 2 is waited out on the same target (stream: ${stream})`, async () => {
      let asked = 0;
      const limited: Script = (request) =>
        asked++ === 0
          ? openaiError(429, { headers: { "retry-after": "2" } })
          : openaiChat({ text: "patience" })(request);
      await withProviders([limited, openaiChat({ text: "from b" })], {}, async (sluice, [a, b]) => {
        const answer = await sluice.post(CHAT, { ...question, stream });
        assert.equal(answer.status, 200, answer.text);
        assert.match(answer.text, /patience/);
        assert.deepEqual([a?.requests.length, b?.requests.length], [2, 0]);
        const gap = (a?.requests[1]?.headAt ?? 0) - (a?.requests[0]?.headAt ?? 0);
        assert.ok(gap >= 1990, `${gap} ms`);
      });
    });

    test(`a 400 for the context goes to the larger target, and to no smaller one (stream: ${stream})`, async () => {
      const tooLong: Script = openaiError(400, {
        message: "This model's maximum context length is 8000 tokens.",
        code: "context_length_exceeded",
      });
      const sizes = { a: "max_context = 8000", b: "max_context = 4000", c: "max_context = 128000" };
      await withProviders(
        [tooLong, openaiChat({ text: "from b" }), openaiChat({ text: "from c" })],
        sizes,
        async (sluice, [a, b, c]) => {
          const answer = await sluice.post(CHAT, { ...question, stream });
          assert.equal(answer.status, 200, answer.text);
          assert.match(stream ? contentOf(answer.text) : answer.text, /from c/);
          assert.deepEqual([a?.requests.length, b?.requests.length, c?.requests.length], [1, 0, 1]);
        },
      );
    });

    test(`a 400 for content policy goes to no other target (stream: ${stream})`, async () => {
      const refused: Script = openaiError(400, {
        message: "Your request was rejected as a result of our safety system.",
        code: "content_policy_violation",
      });
      await withProviders([refused, openaiChat({ text: "from b" })], {}, async (sluice, [a, b]) => {
        const answer = await sluice.post(CHAT, { ...question, stream });
        assert.equal(answer.status, 400);
        assert.equal(answer.json().error.code, "content_policy_violation");
        assert.deepEqual([a?.requests.length, b?.requests.length], [1, 0]);
      });
    });

    test(`\`model\` in the answer names who answered (stream: ${stream})`, async () => {
      const dead: Script = openaiError(503);
      const named: Script = (request) => openaiChat({ text: "hi", model: "model-b-2026" })(request);
      await withProviders([dead, named], {}, async (sluice) => {
        const answer = await sluice.post(CHAT, { ...question, stream });
        assert.equal(answer.status, 200, answer.text);
        const models = [...answer.text.matchAll(/"model":"([^"]*)"/g)].map((match) => match[1]);
        assert.deepEqual([...new Set(models)], ["model-b-2026"]);
        assert.equal(answer.headers.get("x-sluice-model"), "model-b");
        assert.equal(answer.headers.get("x-sluice-provider"), "b");
      });
    });
  }

  for (const [how, prefill] of [
    ["takes a prefill", true],
    ["refuses a prefill", false],
  ] as const) {
    test(`a stream cut at word 40 of 60 arrives whole when the backup ${how}`, async () => {
      const cut = eventStream(openaiChatEvents({ text: TEXT, model: "model-a" }), {
        breakAfter: 1 + 40,
        how: "rst",
      });
      await withProviders([cut, backup(prefill)], { b: "prefill = true" }, async (sluice, [a, b]) => {
        const answer = await sluice.post(CHAT, { ...question, stream: true });
        assert.equal(answer.status, 200);
        assert.equal(contentOf(answer.text), TEXT);
        assert.match(answer.text, /data: \[DONE\]\n\n$/);
        assert.deepEqual([a?.requests.length, b?.requests.length], [1, prefill ? 1 : 2]);
        const models = [...answer.text.matchAll(/"model":"([^"]*)"/g)].map((match) => match[1]);
        assert.deepEqual([...new Set(models)], ["model-a", "model-b"], "the finisher is named from there on");
      });
    });
  }
});
