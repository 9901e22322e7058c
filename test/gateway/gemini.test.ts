/** Gemini's paths: the model in the path, streams as events or as one array, foreign and native upstreams. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { startGateway } from "../support/gateway.ts";
import { gemini } from "../support/gemini-answers.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { aliasToml, lastAsked, providerToml } from "../support/providers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const contents = [{ role: "user", parts: [{ text: "hi" }] }];
type Chunk = { candidates: { content: { parts: { text?: string }[] }; finishReason?: string }[] };
const textOf = (chunks: Chunk[]) =>
  chunks
    .map((chunk) => chunk.candidates[0]?.content.parts.map((part) => part.text ?? "").join("") ?? "")
    .join("");

describe("Gemini's callers", async () => {
  const native = await startUpstream(gemini({ text: "hello there" }));
  const foreign = await startUpstream(openaiChat({ text: "hello there" }));
  const sluice = await startGateway(
    providerToml("g", "gemini", native.url) +
      providerToml("o", "openai", foreign.url) +
      aliasToml("gem", [["g", "gemini-2.5-flash"]]) +
      aliasToml("gpt", [["o", "gpt-4o"]]) +
      aliasToml("vendor/name:free", [["o", "gpt-4o"]]),
  );
  after(async () => {
    await sluice.close();
    await native.close();
    await foreign.close();
  });

  for (const alias of ["gem", "gpt"]) {
    for (const version of ["v1beta", "v1"]) {
      test(`${alias} under /${version}: whole, events, and one array without alt=sse`, async () => {
        const path = `/${version}/models/${alias}`;
        const whole = await sluice.post(`${path}:generateContent`, { contents });
        assert.equal(whole.status, 200, whole.text);
        assert.equal(textOf([whole.json()]), "hello there");
        const events = await sluice.post(`${path}:streamGenerateContent?alt=sse`, { contents });
        const chunks = events.text
          .split(/\r?\n\r?\n/)
          .filter((block) => block.startsWith("data: "))
          .map((block) => JSON.parse(block.slice(6)));
        assert.equal(textOf(chunks), "hello there");
        assert.equal(chunks.at(-1).candidates[0].finishReason, "STOP");
        assert.doesNotMatch(events.text, /\[DONE\]/);
        const array = await sluice.post(`${path}:streamGenerateContent`, { contents });
        assert.match(array.headers.get("content-type") ?? "", /application\/json/);
        assert.equal(textOf(array.json()), "hello there");
      });
    }
  }

  test("the body passes to Gemini as it is; the model is only in the path", async () => {
    const body = '{"contents":[ {"parts":[{"text":"hi"}]} ], "x": 1.0}';
    await sluice.post("/v1beta/models/gem:generateContent?key=mine", body);
    assert.equal(native.requests.at(-1)?.body.toString(), body);
    assert.equal(native.requests.at(-1)?.path, "/v1beta/models/gemini-2.5-flash:generateContent");
    await sluice.post("/v1beta/models/gem:streamGenerateContent", body);
    assert.equal(native.requests.at(-1)?.path, "/v1beta/models/gemini-2.5-flash:streamGenerateContent");
  });

  test("78. names with slashes and colons are names, the last verb is the verb", async () => {
    const answer = await sluice.post("/v1beta/models/vendor%2Fname:free:generateContent", { contents });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(lastAsked(foreign)["model"], "gpt-4o");
  });

  test("a cachedContent goes to a Gemini target, and is a 400 without one", async () => {
    const cachedContent = "cachedContents/abc";
    const kept = await sluice.post("/v1beta/models/gem:generateContent", { contents, cachedContent });
    assert.equal(kept.status, 200);
    assert.equal(lastAsked(native)["cachedContent"], cachedContent);
    const refused = await sluice.post("/v1beta/models/gpt:generateContent", { contents, cachedContent });
    assert.equal(refused.status, 400);
    assert.equal(refused.json().error.status, "INVALID_ARGUMENT");
    assert.match(refused.json().error.message, /cachedContent/);
  });
});
